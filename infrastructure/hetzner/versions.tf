# OpenTofu 1.10 or later (Terraform works, too). The token comes from the environment, HCLOUD_TOKEN, and stands in no file.
terraform {
  required_version = ">= 1.10.0"

  backend "s3" {}

  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "1.68.0"
    }
  }
}

provider "hcloud" {}
