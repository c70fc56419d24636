"""What both networks share: loader, loop, resume, moving average, figures per tick. Below the torch line."""
