# Where the state lies: a bucket of your own, private and versioned, at a provider with S3. Copy it to backend.hcl, which
# git ignores. Its keys come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
bucket       = "alloresto-state"
key          = "production.tfstate"
region       = "gra"
encrypt      = true
use_lockfile = true
endpoints    = { s3 = "https://s3.example.com" }

skip_credentials_validation = true
skip_region_validation      = true
skip_requesting_account_id  = true
skip_metadata_api_check     = true
skip_s3_checksum            = true
