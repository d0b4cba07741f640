# OpenTofu 1.10 or later (Terraform works, too). Credentials come from the environment and stand in no file: OVH_ENDPOINT,
# OVH_CLIENT_ID, OVH_CLIENT_SECRET. The state holds the kubeconfig: it lies in an encrypted bucket, never in this folder
# (docs/operators/from-nothing.md).
terraform {
  required_version = ">= 1.10.0"

  backend "s3" {}

  required_providers {
    ovh = {
      source  = "ovh/ovh"
      version = "2.19.0"
    }
  }
}

provider "ovh" {}
