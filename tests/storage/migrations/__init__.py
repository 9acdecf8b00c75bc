"""From each schema to the next: the steps, and what is at work while they are done."""
