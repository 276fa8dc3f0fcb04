"""CloudFormation's ``AWS::IoT`` types: stacks create resources by AWS IoT's own operations.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IoT.html
"""
