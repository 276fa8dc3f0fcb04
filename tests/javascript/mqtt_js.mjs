// MQTT.js over TLS, in MQTT 3.1.1 and 5: subscribes, publishes, prints what it hears.
// Arguments: folder with cert.pem, key.pem and root.pem; host; port; folder of node_modules.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, host, port, modules] = process.argv.slice(2);
const mqtt = createRequire(`${modules}/`)("mqtt");

for (const [protocolVersion, name] of [[4, "3.1.1"], [5, "5"]]) {
  const client = await mqtt.connectAsync(`mqtts://${host}:${port}`, {
    ca: readFileSync(`${folder}/root.pem`),
    cert: readFileSync(`${folder}/cert.pem`),
    key: readFileSync(`${folder}/key.pem`),
    clientId: "bulb-1",
    protocolVersion,
    reconnectPeriod: 0,
  });
  const heard = new Promise((resolve) => client.on("message", (_, payload) => resolve(payload)));
  await client.subscribeAsync("a/+", { qos: 1 });
  await client.publishAsync("a/b", "hello", { qos: 1 });
  console.log(`${name}:${await heard}`);
  await client.endAsync();
}
