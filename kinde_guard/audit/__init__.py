"""The operations of an application, what each requires, and what is wrong with them."""
