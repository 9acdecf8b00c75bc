"""PostgreSQL: any number of servers over one database."""
