// aws-iot-device-sdk-v2, in MQTT 3.1.1 and 5: subscribes, publishes, prints what it hears.
// Arguments: folder with cert.pem, key.pem and root.pem; host; port; folder of node_modules.
import { once } from "node:events";
import { createRequire } from "node:module";

const [folder, host, port, modules] = process.argv.slice(2);
const { iot, mqtt, mqtt5 } = createRequire(`${modules}/`)("aws-iot-device-sdk-v2");
const files = [`${folder}/cert.pem`, `${folder}/key.pem`];

const builder = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(...files)
  .with_certificate_authority_from_path(undefined, `${folder}/root.pem`)
  .with_endpoint(host)
  .with_port(Number(port))
  .with_client_id("bulb-1")
  .with_clean_session(true);
const connection = new mqtt.MqttClient().new_connection(builder.build());
await connection.connect();
const heard = new Promise((resolve) =>
  connection.subscribe("a/+", mqtt.QoS.AtLeastOnce, (_, payload) => resolve(payload)).then(() =>
    connection.publish("a/b", "hello", mqtt.QoS.AtLeastOnce),
  ),
);
console.log(`3.1.1:${Buffer.from(await heard)}`);
await connection.disconnect();

const config = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(
  host,
  ...files,
)
  .withCertificateAuthorityFromPath(undefined, `${folder}/root.pem`)
  .withPort(Number(port))
  .withConnectProperties({ clientId: "bulb-1", keepAliveIntervalSeconds: 60 })
  .build();
const client = new mqtt5.Mqtt5Client(config);
const connected = once(client, "connectionSuccess");
const message = once(client, "messageReceived");
client.start();
await connected;
const qos = mqtt5.QoS.AtLeastOnce;
await client.subscribe({ subscriptions: [{ topicFilter: "a/+", qos }] });
await client.publish({ topicName: "a/b", qos, payload: "hello" });
const [{ message: packet }] = await message;
console.log(`5:${Buffer.from(packet.payload)}`);
const stopped = once(client, "stopped");
client.stop();
await stopped;
client.close();
// The SDK's native threads may outlive the script's end and then abort the process.
process.reallyExit(0);
