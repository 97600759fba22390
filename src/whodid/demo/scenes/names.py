"""The fixed names of the scenes, so that a question about them is the same in every telling."""

from whodid.demo.cast import DOMAIN

BULK_AGENT = "renewal-scout"
BULK_OWNER = f"ines.almeida@{DOMAIN}"
BULK_CALLS = 36
BULK_ROWS = 11_600
"""Rows of each call: together 417,600, nearly every customer."""

GUESSER_IP = "203.0.113.77"
GUESSED = f"caio.figueira@{DOMAIN}"
GUESSES = 64

SPRAY_NETWORK = "203.0.113.128/26"
SPRAY_ATTEMPTS = 420

SHARED = f"frontdesk@{DOMAIN}"
SHARED_IPS = ("192.0.2.10", "198.51.100.121")
SHARED_COUNTRIES = ("PT", "CL")

CHAIN_ID = "7d1e5c0de94b4f0c8a2f63b19e5d0a71"
CHAIN_ACTOR = f"yui.kanemoto@{DOMAIN}"
CHAIN_CUSTOMER = "customers/48211"

SKEW_ID = "2c9a41f7d05e4b7f9b3e8d6017fa5c24"
SKEW_ACTOR = f"rashmi.pai@{DOMAIN}"
SKEW_INVOICE = "invoices/688120"

SILENT_SOURCE = "vpn"
SILENT_DAY = 26

GRANTOR = f"mateus.pinho@{DOMAIN}"
GRANTED = f"ivo.marinov@{DOMAIN}"
GRANTED_ROLE = "roles/billing-admin"
REFUNDS = 11

NEW_SERVICE = "invoice-mailer-task"

SALARY_TABLE = "hr.salaries"
SALARY_READER = f"claire.dubreuil@{DOMAIN}"

NIGHT_ENGINEER = f"lukasz.wrona@{DOMAIN}"
NIGHT_TABLE = "public.invoices"

BREAK_GLASS = "breakglass"
BREAK_GLASS_IP = "198.51.100.113"
