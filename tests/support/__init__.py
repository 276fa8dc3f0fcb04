"""What tests share: the cloud side, devices, servers, clients of the endpoint, inputs, patience."""
