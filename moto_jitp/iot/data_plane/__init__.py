"""The service iot-data: publishing over HTTPS, shadows and retained messages."""
