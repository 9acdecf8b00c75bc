"""The OpenAPI document, made of the declarations that check and serve each call.

A field is described where it is declared: by the string below it in its class, or by
the `Meta` of its type. Limits, patterns and choices are the ones that decode requests.

It is written for generators of clients. What is left out is never null: a field with
the default None is one that is not required. Null is a value only where it says
something else than to leave the field out. What the server takes besides, out of
kindness (null for what is left out, numbers for ids), is not described.
"""
