// A device provisions itself, in JavaScript: the AWS SDK with `moto-jitp serve`.
//
// Once:    npm install
// Then:    moto-jitp serve &
//          moto-jitp ca new ca --common-name "Acme Root"
//          moto-jitp device bulb --ca ca --common-name bulb-1
//          node provision.mjs http://127.0.0.1:5000 ca bulb
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  DescribeCACertificateCommand,
  DescribeCertificateCommand,
  DescribeThingCommand,
  GetRegistrationCodeCommand,
  IoTClient,
  ListThingPrincipalsCommand,
  RegisterCACertificateCommand,
  RegistrationCodeValidationException,
} from "@aws-sdk/client-iot";

const [endpoint, caFolder, deviceFolder] = process.argv.slice(2);
const iot = new IoTClient({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
});

const commonName = "AWS::IoT::Certificate::CommonName";
const certificateId = "AWS::IoT::Certificate::Id";
const template = {
  Parameters: { [commonName]: { Type: "String" }, [certificateId]: { Type: "String" } },
  Resources: {
    thing: { Type: "AWS::IoT::Thing", Properties: { ThingName: { Ref: commonName } } },
    certificate: {
      Type: "AWS::IoT::Certificate",
      Properties: { CertificateId: { Ref: certificateId }, Status: "ACTIVE" },
    },
  },
};

// The cloud: a CA with a provisioning template.
const { registrationCode } = await iot.send(new GetRegistrationCodeCommand({}));
const registration = {
  caCertificate: readFileSync(`${caFolder}/certificate.pem`, "utf8"),
  verificationCertificate: verificationCertificate(registrationCode),
  setAsActive: true,
  allowAutoRegistration: true,
  registrationConfig: {
    templateBody: JSON.stringify(template),
    roleArn: "arn:aws:iam::123456789012:role/JITPRole",
  },
};
await assert.rejects(
  iot.send(
    new RegisterCACertificateCommand({
      ...registration,
      verificationCertificate: verificationCertificate("not the code"),
    }),
  ),
  RegistrationCodeValidationException,
);
const ca = await iot.send(new RegisterCACertificateCommand(registration));
const described = await iot.send(
  new DescribeCACertificateCommand({ certificateId: ca.certificateId }),
);
assert.equal(described.certificateDescription.autoRegistrationStatus, "ENABLE");

// The device: it connects, is provisioned, and connects again.
const answer = await fetch(`${endpoint}/moto-api/jitp/connect`, {
  method: "POST",
  body: JSON.stringify({
    certificatePem: readFileSync(`${deviceFolder}/certificate.pem`, "utf8"),
    privateKeyPem: readFileSync(`${deviceFolder}/private_key.pem`, "utf8"),
  }),
});
const outcome = await answer.json();
assert.ok(outcome.accepted, outcome.explanation);

// The cloud again: the certificate is ACTIVE and attached to its thing.
const { certificateDescription } = await iot.send(
  new DescribeCertificateCommand({ certificateId: outcome.certificateId }),
);
assert.equal(certificateDescription.status, "ACTIVE");
const thing = await iot.send(new DescribeThingCommand({ thingName: outcome.thingName }));
const { principals } = await iot.send(
  new ListThingPrincipalsCommand({ thingName: thing.thingName }),
);
assert.deepEqual(principals, [outcome.certificateArn]);
console.log(`${thing.thingName} is provisioned, its certificate ${certificateDescription.status}`);

function verificationCertificate(code) {
  const made = ["ca", "verification-certificate", caFolder, code];
  return execFileSync("moto-jitp", made, { encoding: "utf8" });
}
