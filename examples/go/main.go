// A device provisions itself, in Go: the AWS SDK with `moto-jitp serve`.
//
// The project's tests do not run it, as they have no Go. It needs the modules config, credentials and
// service/iot of github.com/aws/aws-sdk-go-v2:
//
//	moto-jitp serve &
//	moto-jitp ca new ca --common-name "Acme Root"
//	moto-jitp device bulb --ca ca --common-name bulb-1
//	go run . http://127.0.0.1:5000 ca bulb
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
)

const template = `{
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
      "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"}
    }
  }
}`

// Outcome has the members of the server's answer to a connecting device that this example reads.
type Outcome struct {
	Accepted    bool   `json:"accepted"`
	ThingName   string `json:"thingName"`
	Explanation string `json:"explanation"`
}

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, endpoint, caFolder, deviceFolder string) error {
	settings, err := config.LoadDefaultConfig(ctx,
		config.WithRegion("us-east-1"),
		config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider("testing", "testing", "")))
	if err != nil {
		return err
	}
	client := iot.NewFromConfig(settings, func(options *iot.Options) {
		options.BaseEndpoint = aws.String(endpoint)
	})

	// The cloud: a CA with a provisioning template. SNI_ONLY needs no verification certificate.
	ca, err := os.ReadFile(filepath.Join(caFolder, "certificate.pem"))
	if err != nil {
		return err
	}
	_, err = client.RegisterCACertificate(ctx, &iot.RegisterCACertificateInput{
		CaCertificate:         aws.String(string(ca)),
		CertificateMode:       types.CertificateModeSniOnly,
		SetAsActive:           true,
		AllowAutoRegistration: true,
		RegistrationConfig: &types.RegistrationConfig{
			TemplateBody: aws.String(template),
			RoleArn:      aws.String("arn:aws:iam::123456789012:role/JITPRole"),
		},
	})
	if err != nil {
		return err
	}

	// The device: it connects, is provisioned, and connects again.
	outcome, err := connect(endpoint, filepath.Join(deviceFolder, "certificate.pem"))
	if err != nil {
		return err
	}
	if !outcome.Accepted {
		return fmt.Errorf("the device was refused: %s", outcome.Explanation)
	}

	// The cloud again.
	thing, err := client.DescribeThing(ctx, &iot.DescribeThingInput{ThingName: &outcome.ThingName})
	if err != nil {
		return err
	}
	fmt.Println(aws.ToString(thing.ThingArn))
	return nil
}

func connect(endpoint, certificateFile string) (*Outcome, error) {
	certificate, err := os.ReadFile(certificateFile)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"certificatePem": string(certificate)})
	if err != nil {
		return nil, err
	}
	url := endpoint + "/moto-api/jitp/connect"
	answer, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	outcome := &Outcome{}
	return outcome, json.NewDecoder(answer.Body).Decode(outcome)
}
