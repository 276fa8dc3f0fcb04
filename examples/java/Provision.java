// A device provisions itself, in Java: the AWS SDK with `moto-jitp serve`.
//
// The project's tests do not run it, as they have no Java. It needs software.amazon.awssdk:iot
// (version 2) and Java 17:
//
//   moto-jitp serve &
//   moto-jitp ca new ca --common-name "Acme Root"
//   moto-jitp device bulb --ca ca --common-name bulb-1
//   java -cp "$CLASSPATH" Provision.java http://127.0.0.1:5000 ca bulb

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.iot.IotClient;
import software.amazon.awssdk.services.iot.model.CertificateMode;

public final class Provision {
  private static final String TEMPLATE =
      """
      {
        "Parameters": {
          "AWS::IoT::Certificate::CommonName": {"Type": "String"},
          "AWS::IoT::Certificate::Id": {"Type": "String"}
        },
        "Resources": {
          "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}}
          },
          "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {
              "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
              "Status": "ACTIVE"
            }
          }
        }
      }
      """;

  public static void main(String[] args) throws Exception {
    String endpoint = args[0];
    String ca = Files.readString(Path.of(args[1], "certificate.pem"));
    String device = Files.readString(Path.of(args[2], "certificate.pem"));

    try (IotClient iot = client(endpoint)) {
      // The cloud: a CA with a provisioning template. SNI_ONLY needs no verification certificate.
      iot.registerCACertificate(
          request ->
              request
                  .caCertificate(ca)
                  .certificateMode(CertificateMode.SNI_ONLY)
                  .setAsActive(true)
                  .allowAutoRegistration(true)
                  .registrationConfig(
                      config ->
                          config
                              .templateBody(TEMPLATE)
                              .roleArn("arn:aws:iam::123456789012:role/JITPRole")));

      // The device: it connects, is provisioned, and connects again.
      String body = "{\"certificatePem\": \"" + device.replace("\n", "\\n") + "\"}";
      HttpRequest connect =
          HttpRequest.newBuilder(URI.create(endpoint + "/moto-api/jitp/connect"))
              .POST(HttpRequest.BodyPublishers.ofString(body))
              .build();
      String outcome =
          HttpClient.newHttpClient().send(connect, BodyHandlers.ofString()).body();
      if (!outcome.contains("\"accepted\": true")) {
        throw new IllegalStateException(outcome);
      }

      // The cloud again.
      System.out.println(iot.describeThing(request -> request.thingName("bulb-1")).thingArn());
    }
  }

  private static IotClient client(String endpoint) {
    return IotClient.builder()
        .endpointOverride(URI.create(endpoint))
        .region(Region.US_EAST_1)
        .credentialsProvider(
            StaticCredentialsProvider.create(AwsBasicCredentials.create("testing", "testing")))
        .build();
  }
}
