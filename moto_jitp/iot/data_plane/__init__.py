"""The service iot-data: what clients publish over HTTPS, shadows and retained messages."""
