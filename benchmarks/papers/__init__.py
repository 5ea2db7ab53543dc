"""What the papers print, the runs that would reproduce it, and how their parameter counts come about."""
