# The resources that a fleet needs, for test_terraform.py. The endpoint comes from AWS_ENDPOINT_URL.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "testing"
  secret_key                  = "testing"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variable "ca_certificate" { type = string }
variable "description" { type = string }

resource "aws_iam_role" "provisioning" {
  name = "JITPRole"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "iot.amazonaws.com" } }]
  })
}

resource "aws_iot_thing_type" "bulb" { name = "bulb" }

resource "aws_iot_thing_group" "bulbs" {
  name = "bulbs"
  properties { description = var.description }
}

resource "aws_iot_billing_group" "paid" { name = "paid" }

resource "aws_iot_policy" "bulbs" {
  name = "Bulbs"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = replace(var.description, " ", ""), Effect = "Allow", Action = "iot:*", Resource = "*" }]
  })
}

resource "aws_iot_provisioning_template" "bulbs" {
  name                  = "Bulbs"
  type                  = "JITP"
  description           = var.description
  provisioning_role_arn = aws_iam_role.provisioning.arn
  enabled               = true
  template_body = jsonencode({
    Parameters = {
      "AWS::IoT::Certificate::CommonName" = { Type = "String" }
      "AWS::IoT::Certificate::Id"         = { Type = "String" }
    }
    Resources = {
      thing = {
        Type = "AWS::IoT::Thing"
        Properties = {
          ThingName     = { Ref = "AWS::IoT::Certificate::CommonName" }
          ThingTypeName = "bulb"
          ThingGroups   = ["bulbs"]
        }
      }
      certificate = {
        Type       = "AWS::IoT::Certificate"
        Properties = { CertificateId = { Ref = "AWS::IoT::Certificate::Id" }, Status = "ACTIVE" }
      }
      policy = { Type = "AWS::IoT::Policy", Properties = { PolicyName = "Bulbs" } }
    }
  })
}

resource "aws_iot_ca_certificate" "acme" {
  active                  = true
  allow_auto_registration = true
  ca_certificate_pem      = var.ca_certificate
  certificate_mode        = "SNI_ONLY"
  registration_config { template_name = aws_iot_provisioning_template.bulbs.name }
}

resource "aws_iot_role_alias" "bulbs" {
  alias    = "bulbs"
  role_arn = aws_iam_role.provisioning.arn
}

resource "aws_iot_topic_rule" "ready" {
  name        = "ready"
  enabled     = true
  description = var.description
  sql         = "SELECT * FROM 'bulbs/+/ready'"
  sql_version = "2016-03-23"
  republish {
    role_arn = aws_iam_role.provisioning.arn
    topic    = "ready"
  }
}

resource "aws_iot_domain_configuration" "devices" {
  name                    = "devices"
  domain_name             = "devices.example.com"
  service_type            = "DATA"
  server_certificate_arns = ["arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"]
}

resource "aws_iot_event_configurations" "all" {
  event_configurations = {
    THING                  = true
    THING_GROUP            = false
    THING_TYPE             = false
    THING_GROUP_MEMBERSHIP = false
    THING_GROUP_HIERARCHY  = false
    THING_TYPE_ASSOCIATION = false
    JOB                    = false
    JOB_EXECUTION          = false
    POLICY                 = false
    CERTIFICATE            = true
    CA_CERTIFICATE         = false
  }
}

resource "aws_iot_thing" "lamp" {
  name            = "lamp-1"
  thing_type_name = aws_iot_thing_type.bulb.name
  attributes      = { description = replace(var.description, " ", "-") }
}

resource "aws_iot_certificate" "lamp" { active = true }

resource "aws_iot_policy_attachment" "lamp" {
  policy = aws_iot_policy.bulbs.name
  target = aws_iot_certificate.lamp.arn
}

resource "aws_iot_thing_principal_attachment" "lamp" {
  principal = aws_iot_certificate.lamp.arn
  thing     = aws_iot_thing.lamp.name
}

resource "aws_iot_thing_group_membership" "lamp" {
  thing_name       = aws_iot_thing.lamp.name
  thing_group_name = aws_iot_thing_group.bulbs.name
}

resource "aws_iot_logging_options" "all" {
  default_log_level = "INFO"
  role_arn          = aws_iam_role.provisioning.arn
}

resource "aws_iot_indexing_configuration" "things" {
  thing_indexing_configuration { thing_indexing_mode = "REGISTRY" }
}

data "aws_iot_endpoint" "data" { endpoint_type = "iot:Data-ATS" }
data "aws_iot_registration_code" "code" {}
output "endpoint" { value = data.aws_iot_endpoint.data.endpoint_address }

resource "aws_iot_thing_group" "kitchen" {
  name              = "kitchen"
  parent_group_name = aws_iot_thing_group.bulbs.name
}
