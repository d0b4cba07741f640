# Copy it to site.auto.tfvars, which git ignores, and change what is yours.
project        = "0123456789abcdef0123456789abcdef"
admin_networks = ["203.0.113.7/32"]
