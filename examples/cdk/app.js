// A fleet as a CDK app: a CA, the provisioning template of its devices, a policy and a rule.
// Deploy it to a local server:
//
//   moto-jitp serve --port 5000 &
//   moto-jitp ca new ca
//   export AWS_ENDPOINT_URL=http://127.0.0.1:5000 AWS_REGION=us-east-1
//   export AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing
//   CA_CERTIFICATE=ca/certificate.pem npm run deploy

const fs = require("fs");
const { App, CfnOutput, LegacyStackSynthesizer, Stack } = require("aws-cdk-lib");
const iot = require("aws-cdk-lib/aws-iot");

const ROLE_ARN = "arn:aws:iam::123456789012:role/JITPRole";
const TEMPLATE = {
  Parameters: {
    "AWS::IoT::Certificate::CommonName": { Type: "String" },
    "AWS::IoT::Certificate::Id": { Type: "String" },
  },
  Resources: {
    thing: {
      Type: "AWS::IoT::Thing",
      Properties: { ThingName: { Ref: "AWS::IoT::Certificate::CommonName" } },
    },
    certificate: {
      Type: "AWS::IoT::Certificate",
      Properties: { CertificateId: { Ref: "AWS::IoT::Certificate::Id" }, Status: "ACTIVE" },
    },
    policy: { Type: "AWS::IoT::Policy", Properties: { PolicyName: "Bulbs" } },
  },
};

const app = new App();
// No bootstrap stack: a test does not need its roles and its bucket.
const stack = new Stack(app, "Fleet", { synthesizer: new LegacyStackSynthesizer() });

const policy = new iot.CfnPolicy(stack, "Policy", {
  policyName: "Bulbs",
  policyDocument: {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "iot:*", Resource: "*" }],
  },
});
const template = new iot.CfnProvisioningTemplate(stack, "Template", {
  templateName: "Bulbs",
  templateType: "JITP",
  templateBody: JSON.stringify(TEMPLATE),
  provisioningRoleArn: ROLE_ARN,
  enabled: true,
});
const ca = new iot.CfnCACertificate(stack, "Ca", {
  caCertificatePem: fs.readFileSync(process.env.CA_CERTIFICATE, "utf8"),
  certificateMode: "SNI_ONLY",
  status: "ACTIVE",
  autoRegistrationStatus: "ENABLE",
  registrationConfig: { templateName: template.ref },
});
new iot.CfnTopicRule(stack, "Rule", {
  ruleName: "bulbs_ready",
  topicRulePayload: {
    sql: "SELECT * FROM 'bulbs/+/ready'",
    awsIotSqlVersion: "2016-03-23",
    actions: [{ republish: { topic: "ready", roleArn: ROLE_ARN } }],
  },
});

new CfnOutput(stack, "CaId", { value: ca.attrId });
new CfnOutput(stack, "PolicyArn", { value: policy.attrArn });
