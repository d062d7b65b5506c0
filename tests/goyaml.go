// Reads texts as Kubernetes and Helm do: a line with JSON {"text": BASE64, "strict": BOOL} in, a line out, which is
// {"json": TEXT} or {"error": WORDS}; {"number": X} answers how Helm prints a number.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

type question struct {
	Text   []byte   `json:"text"`
	Strict bool     `json:"strict"`
	Number *float64 `json:"number"`
}

type answer struct {
	JSON  string `json:"json,omitempty"`
	Error string `json:"error,omitempty"`
}

func answered(asked question) (found answer) {
	defer func() {
		if fault := recover(); fault != nil {
			found = answer{Error: fmt.Sprint("panic: ", fault)}
		}
	}()
	if asked.Number != nil {
		return answer{JSON: fmt.Sprint(*asked.Number)}
	}
	read := yaml.YAMLToJSON
	if asked.Strict {
		read = yaml.YAMLToJSONStrict
	}
	text, err := read(asked.Text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{JSON: string(text)}
}

func main() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		if err := out.Encode(answered(asked)); err != nil {
			panic(err)
		}
	}
}
