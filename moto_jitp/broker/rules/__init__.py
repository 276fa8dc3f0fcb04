"""Topic rules: what happens in the account when a message matches a rule.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-rules.html
"""
