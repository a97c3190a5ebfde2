// Command firedrill replays recorded production incidents into real observability back ends.
package main

import "firedrill/internal/cli"

func main() { cli.Main() }
