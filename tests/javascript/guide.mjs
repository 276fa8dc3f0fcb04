// AWS's guide to just-in-time provisioning with the AWS SDK for JavaScript.
// Arguments: endpoint, the CA's folder, the device's folder, the mode, "body" or "name", and the
// guide's JSON file with templateBody and roleArn.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import * as aws from "@aws-sdk/client-iot";

const [endpoint, caFolder, deviceFolder, mode, way, configFile] = process.argv.slice(2);
const iot = new aws.IoTClient({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
});
const read = (...path) => readFileSync(path.join("/"), "utf8");
const config = JSON.parse(read(configFile));

// The template, as a body beside the CA or stored under a name.
let registrationConfig = config;
if (way === "name") {
  await iot.send(
    new aws.CreateProvisioningTemplateCommand({
      templateName: "your-template-name",
      templateBody: config.templateBody,
      provisioningRoleArn: config.roleArn,
      type: "JITP",
      enabled: true,
    }),
  );
  registrationConfig = { templateName: "your-template-name" };
}

// The CA, in either mode; auto-registration and the template are switched on by an update.
const registration = { caCertificate: read(caFolder, "certificate.pem"), setAsActive: true };
if (mode === "SNI_ONLY") {
  registration.certificateMode = mode;
} else {
  const { registrationCode } = await iot.send(new aws.GetRegistrationCodeCommand({}));
  const proof = ["ca", "verification-certificate", caFolder, registrationCode];
  registration.verificationCertificate = execFileSync("moto-jitp", proof, { encoding: "utf8" });
}
const ca = await iot.send(new aws.RegisterCACertificateCommand(registration));
assert.equal((await connect()).reason, "AUTO_REGISTRATION_DISABLED");
await iot.send(
  new aws.UpdateCACertificateCommand({
    certificateId: ca.certificateId,
    newAutoRegistrationStatus: "ENABLE",
    registrationConfig,
  }),
);
const { certificateDescription, registrationConfig: kept } = await iot.send(
  new aws.DescribeCACertificateCommand({ certificateId: ca.certificateId }),
);
assert.equal(certificateDescription.certificateMode, mode);
assert.ok(certificateDescription.validity.notAfter > new Date());
assert.equal(kept.templateName, way === "name" ? "your-template-name" : undefined);

// Without the thing type that the template names the device is refused, and says so.
const refused = await connect();
assert.equal(refused.reason, "PROVISIONING_FAILED");
assert.match(refused.explanation, /lightBulb-versionA/);
await iot.send(new aws.CreateThingTypeCommand({ thingTypeName: "lightBulb-versionA" }));
for (const thingGroupName of ["v1-lightbulbs", "KR"]) {
  await iot.send(new aws.CreateThingGroupCommand({ thingGroupName }));
}
const accepted = await connect();
assert.ok(accepted.accepted, accepted.explanation);

// What the run made.
const thing = await iot.send(new aws.DescribeThingCommand({ thingName: accepted.thingName }));
assert.deepEqual(thing.attributes, { version: "v1", serialNumber: "42" });
const certificate = await iot.send(
  new aws.DescribeCertificateCommand({ certificateId: accepted.certificateId }),
);
assert.equal(certificate.certificateDescription.status, "ACTIVE");
const ofCa = await iot.send(
  new aws.ListCertificatesByCACommand({ caCertificateId: ca.certificateId }),
);
assert.deepEqual(
  ofCa.certificates.map((one) => one.certificateId),
  [accepted.certificateId],
);
await assert.rejects(
  iot.send(new aws.DescribeThingCommand({ thingName: "nobody" })),
  aws.ResourceNotFoundException,
);
console.log(`${accepted.thingName} ${certificate.certificateDescription.status}`);

async function connect() {
  const answer = await fetch(`${endpoint}/moto-api/jitp/connect`, {
    method: "POST",
    body: JSON.stringify({ certificatePem: read(deviceFolder, "certificate.pem") }),
  });
  assert.equal(answer.status, 200);
  return answer.json();
}
