package recording

// CreateSmall is Create with little memory for sorting and small files, in bytes.
func CreateSmall(dir string, memory int, logs, messages int64) (*Writer, error) {
	return create(dir, Options{Source: "random"}, sizes{memory, logs, messages})
}
