// Which records of OSV databases are about packages of a CycloneDX document: scanner DOCUMENT DATABASES
//
// DATABASES has osv-scalibr/ECOSYSTEM/all.zip, as osv.dev exports them. Matching is osv-scalibr's; here is what it is asked, and
// what is printed: one JSON document. It reaches no network: the client that it gets refuses every request.
package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"

	configpb "github.com/google/osv-scalibr/binary/proto/config_go_proto"
	"github.com/google/osv-scalibr/enricher/vulnmatch/osvlocal"
	"github.com/google/osv-scalibr/extractor"
	dpkg "github.com/google/osv-scalibr/extractor/filesystem/os/dpkg/metadata"
	cdx "github.com/google/osv-scalibr/extractor/filesystem/sbom/cdx/metadata"
	"github.com/google/osv-scalibr/inventory"
	"github.com/google/osv-scalibr/inventory/osvecosystem"
	"github.com/google/osv-scalibr/plugin/config"
	"github.com/google/osv-scalibr/purl"
	purlecosystem "github.com/google/osv-scalibr/purl/ecosystem"
	"github.com/google/osv-scalibr/semantic"
	"github.com/ossf/osv-schema/bindings/go/osvschema"
	cvss20 "github.com/pandatix/go-cvss/20"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"
	"google.golang.org/protobuf/encoding/protojson"
)

// What is known of one ecosystem: how many packages were compared with how many records, of which some cannot be read.
type ecosystem struct {
	Name       string `json:"name"`
	Packages   int    `json:"packages"`
	Records    int    `json:"records"`
	Unreadable int    `json:"unreadable"`
}

// A record that is about a package. Score is CVSS's, below 0 where the record has none; Rating is a word of its own.
type match struct {
	Purl    string   `json:"purl"`
	ID      string   `json:"id"`
	Aliases []string `json:"aliases"`
	Summary string   `json:"summary"`
	Score   float64  `json:"score"`
	Rating  string   `json:"rating"`
	Fixed   string   `json:"fixed"`
}

type component struct{ Name, Version, Purl string }

type answer struct {
	Ecosystems []ecosystem `json:"ecosystems"`
	Matches    []match     `json:"matches"`
}

type offline struct{ config.ClientFactories }

func (offline) HTTPClient() *http.Client { return &http.Client{Transport: offline{}} }

func (offline) RoundTrip(request *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s is not asked: there is no network here", request.URL.Host)
}

func main() {
	if len(os.Args) != 3 {
		fail(errors.New("scanner DOCUMENT DATABASES"))
	}
	log.SetOutput(io.Discard) // what goes wrong is returned, and said once
	packages, err := packagesOf(os.Args[1])
	if err != nil {
		fail(err)
	}
	found := answer{Ecosystems: []ecosystem{}, Matches: []match{}}
	for _, name := range names(packages) {
		place := filepath.Join(os.Args[2], "osv-scalibr", name, "all.zip")
		if _, err := os.Stat(place); errors.Is(err, os.ErrNotExist) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s: %d packages\n", name, len(packages[name]))
		read, err := recordsOf(place)
		if err != nil {
			fail(fmt.Errorf("%s: %w", place, err))
		}
		matches, err := matchesOf(packages[name], os.Args[2])
		if err != nil {
			fail(fmt.Errorf("%s: %w", name, err))
		}
		read.Name, read.Packages = name, len(packages[name])
		found.Ecosystems = append(found.Ecosystems, read)
		found.Matches = append(found.Matches, matches...)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Packages by ecosystem, each once.
func packagesOf(document string) (map[string][]*extractor.Package, error) {
	text, err := os.ReadFile(document)
	if err != nil {
		return nil, err
	}
	var bom struct{ Components []component }
	if err := json.Unmarshal(text, &bom); err != nil {
		return nil, fmt.Errorf("%s: %w", document, err)
	}
	found, known := map[string][]*extractor.Package{}, map[string]bool{}
	for _, one := range bom.Components {
		if known[one.Purl] {
			continue
		}
		known[one.Purl] = true
		pkg, err := packageOf(one)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Purl, err)
		}
		if name := string(pkg.Ecosystem().Ecosystem); name != "" {
			found[name] = append(found[name], pkg)
		}
	}
	return found, nil
}

// A component as osv-scalibr has it; of no ecosystem where it is none of those that are compared.
func packageOf(one component) (*extractor.Package, error) {
	pkg := &extractor.Package{Name: one.Name, Version: one.Version, Location: extractor.LocationFromPath(one.Purl)}
	kind, _, _ := strings.Cut(strings.TrimPrefix(one.Purl, "pkg:"), "/")
	switch kind {
	case purl.TypeNPM, purl.TypePyPi:
		pkg.PURLType = kind
	case purl.TypeGolang:
		// Else the name is made anew of a package URL in small letters, and is that of no record.
		pkg.PURLType, pkg.Metadata = kind, &cdx.Metadata{PURL: &purl.PackageURL{Type: kind, Name: one.Name}}
	case purl.TypeDebian:
		parsed, err := purl.FromString(one.Purl)
		if err != nil {
			return nil, err
		}
		pkg.PURLType, pkg.Metadata = kind, source(pkg, parsed)
	}
	return pkg, nil
}

// Records about Debian's and Ubuntu's packages name releases and source packages.
func source(pkg *extractor.Package, parsed purl.PackageURL) *dpkg.Metadata {
	release := purlecosystem.FromPURL(&parsed).Suffix // 12, or 22.04:LTS
	of := &dpkg.Metadata{PackageName: pkg.Name, SourceName: pkg.Name, OSID: parsed.Namespace, OSVersionID: release}
	for _, qualifier := range parsed.Qualifiers {
		if qualifier.Key == "upstream" {
			name, version, _ := strings.Cut(qualifier.Value, "@")
			of.SourceName = name
			if version != "" {
				pkg.Version = version
			}
		}
	}
	return of
}

func names(packages map[string][]*extractor.Package) []string {
	found := make([]string, 0, len(packages))
	for name := range packages {
		found = append(found, name)
	}
	sort.Strings(found)
	return found
}

// How many records a database has. osv-scalibr passes over those that it cannot read, and says nothing.
func recordsOf(place string) (ecosystem, error) {
	var found ecosystem
	archive, err := zip.OpenReader(place)
	if err != nil {
		return found, err
	}
	defer archive.Close()
	for _, entry := range archive.File {
		if !strings.HasSuffix(entry.Name, ".json") {
			continue
		}
		found.Records++
		if !readable(entry) {
			found.Unreadable++
		}
	}
	return found, nil
}

func readable(entry *zip.File) bool {
	file, err := entry.Open()
	if err != nil {
		return false
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	return err == nil && protojson.Unmarshal(text, &osvschema.Vulnerability{}) == nil
}

func matchesOf(packages []*extractor.Package, databases string) (found []match, err error) {
	defer func() { // versions that it cannot read make osv-scalibr panic
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%v", cause)
		}
	}()
	where := &configpb.OSVLocalConfig{LocalPath: databases, Download: false}
	specific := &configpb.PluginSpecificConfig{Config: &configpb.PluginSpecificConfig_Osvlocal{Osvlocal: where}}
	proto := &configpb.PluginConfig{PluginSpecific: []*configpb.PluginSpecificConfig{specific}}
	matcher, err := osvlocal.New(&config.PluginConfig{ProtoConfig: proto, ClientFactories: offline{}})
	if err != nil {
		return nil, err
	}
	all := &inventory.Inventory{Packages: packages}
	if err := matcher.Enrich(context.Background(), nil, all); err != nil {
		return nil, err
	}
	for _, one := range all.PackageVulns {
		record := one.Vulnerability
		found = append(found, match{
			Purl:    one.Package.Location.PathOrEmpty(),
			ID:      record.GetId(),
			Aliases: append(append([]string{}, record.GetAliases()...), record.GetUpstream()...),
			Summary: record.GetSummary(),
			Score:   score(record),
			Rating:  rating(record),
			Fixed:   fixed(record, one.Package),
		})
	}
	return found, nil
}

// The highest score of those that the record has.
func score(record *osvschema.Vulnerability) float64 {
	highest := -1.0
	said := record.GetSeverity()
	for _, affected := range record.GetAffected() {
		said = append(said, affected.GetSeverity()...)
	}
	for _, severity := range said {
		highest = max(highest, baseScore(severity.GetScore()))
	}
	return highest
}

func baseScore(vector string) float64 {
	switch {
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		if parsed, err := cvss40.ParseVector(vector); err == nil {
			return parsed.Score()
		}
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		if parsed, err := cvss31.ParseVector(vector); err == nil {
			return parsed.BaseScore()
		}
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		if parsed, err := cvss30.ParseVector(vector); err == nil {
			return parsed.BaseScore()
		}
	default:
		if parsed, err := cvss20.ParseVector(vector); err == nil {
			return parsed.BaseScore()
		}
	}
	return -1
}

// GitHub's word for the whole record, else Debian's for the package.
func rating(record *osvschema.Vulnerability) string {
	if word := record.GetDatabaseSpecific().GetFields()["severity"].GetStringValue(); word != "" {
		return word
	}
	for _, affected := range record.GetAffected() {
		if word := affected.GetEcosystemSpecific().GetFields()["urgency"].GetStringValue(); word != "" {
			return word
		}
	}
	return ""
}

// The lowest version above the package's own that a record calls fixed.
func fixed(record *osvschema.Vulnerability, pkg *extractor.Package) string {
	own, lowest := pkg.Ecosystem(), ""
	for _, affected := range record.GetAffected() {
		of, err := osvecosystem.Parse(affected.GetPackage().GetEcosystem())
		if err != nil || !of.Equal(own) || !sameName(affected.GetPackage().GetName(), pkg) {
			continue
		}
		for _, span := range affected.GetRanges() {
			for _, event := range span.GetEvents() {
				version := event.GetFixed()
				if version == "" || span.GetType() == osvschema.Range_GIT || !below(pkg.Version, version, own) {
					continue
				}
				if lowest == "" || below(version, lowest, own) {
					lowest = version
				}
			}
		}
	}
	return lowest
}

func sameName(name string, pkg *extractor.Package) bool {
	if source, ok := pkg.Metadata.(*dpkg.Metadata); ok {
		return name == source.SourceName
	}
	return pypi(name) == pypi(pkg.Name)
}

// As PyPI takes names for the same; those of Go have no capitals, dots or lines by which alone they differ.
func pypi(name string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
}

func below(one, other string, of osvecosystem.Parsed) bool {
	parsed, err := semantic.Parse(one, string(of.Ecosystem))
	if err != nil {
		return false
	}
	order, err := parsed.CompareStr(other)
	return err == nil && order < 0
}
