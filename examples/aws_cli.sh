#!/usr/bin/env bash
# A device provisions itself, from a shell: the AWS CLI and OpenSSL with `moto-jitp serve`.
# Needs: moto-jitp, aws, openssl, curl. Writes its files into the current folder.
set -euo pipefail

# The server, on a free port; it ends with this script.
moto-jitp serve --port 0 >server.txt 2>server.log &
trap 'kill $!' EXIT
until grep -q 'listens on' server.txt; do kill -0 $! || exit 1; sleep 0.1; done
url=$(sed -n 's/^moto_jitp listens on //p' server.txt)
export AWS_ENDPOINT_URL=$url AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=''
export AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing

# A CA, and the certificate that proves to AWS IoT that its key is ours.
openssl genrsa -out ca.key 2048
openssl req -x509 -new -key ca.key -sha256 -days 365 -subj '/CN=Acme Root' -out ca.pem
code=$(aws iot get-registration-code --query registrationCode --output text)
openssl genrsa -out verification.key 2048
openssl req -new -key verification.key -subj "/CN=$code" -out verification.csr
openssl x509 -req -in verification.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
  -out verification.pem

# A provisioning template, stored under a name, and the CA with it.
cat >template.json <<'JSON'
{
  "Parameters": {
    "AWS::IoT::Certificate::CommonName": {"Type": "String"},
    "AWS::IoT::Certificate::Country": {"Type": "String"},
    "AWS::IoT::Certificate::Id": {"Type": "String"}
  },
  "Resources": {
    "thing": {
      "Type": "AWS::IoT::Thing",
      "Properties": {
        "ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"},
        "AttributePayload": {"country": {"Ref": "AWS::IoT::Certificate::Country"}}
      }
    },
    "certificate": {
      "Type": "AWS::IoT::Certificate",
      "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"}
    }
  }
}
JSON
aws iot create-provisioning-template --template-name bulbs --type JITP --enabled \
  --template-body file://template.json \
  --provisioning-role-arn arn:aws:iam::123456789012:role/JITPRole
aws iot register-ca-certificate --ca-certificate file://ca.pem \
  --verification-cert file://verification.pem --set-as-active --allow-auto-registration \
  --registration-config templateName=bulbs

# A device connects, is provisioned, and connects again.
openssl genrsa -out bulb.key 2048
openssl req -new -key bulb.key -subj '/C=KR/CN=bulb-1' -out bulb.csr
openssl x509 -req -in bulb.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -out bulb.pem
moto-jitp connect bulb.pem --key bulb.key --endpoint-url "$url"
aws iot describe-thing --thing-name bulb-1
aws iot list-thing-principals --thing-name bulb-1

# A device without a country is refused, and the output says why.
openssl genrsa -out other.key 2048
openssl req -new -key other.key -subj '/CN=bulb-2' -out other.csr
openssl x509 -req -in other.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -out other.pem
if moto-jitp connect other.pem --endpoint-url "$url"; then exit 1; fi
