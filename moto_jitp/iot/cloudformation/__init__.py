"""CloudFormation's ``AWS::IoT`` types: stacks make what they say, by AWS IoT's own operations.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IoT.html
"""
