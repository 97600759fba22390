"""Identity swaps: does learning see that an account was used by somebody else?"""
