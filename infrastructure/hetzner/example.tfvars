# Copy it to site.auto.tfvars, which git ignores, and change what is yours.
ssh_public_key   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleEx you@example.com"
admin_networks   = ["203.0.113.7/32"]
trunk_signalling = ["192.0.2.0/24"]
trunk_media      = ["198.51.100.0/24"]
host             = "orders.example.com"
repository       = "https://git.example.com/you/alloresto"
commit           = "0000000000000000000000000000000000000000"
