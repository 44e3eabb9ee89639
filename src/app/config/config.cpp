#include "app/config/config.hpp"

#include <algorithm>
#include <iterator>
#include <regex>
#include <stdexcept>

#include <toml++/toml.h>
#include <unistd.h>

#include "app/config/config_check.hpp"
#include "app/services.hpp"

namespace guildhall::app {
namespace {

constexpr std::string_view kEnvironmentPrefix = "GUILDHALL_";

/// True for a variable with our prefix that is no option: one that Kubernetes sets for a Service whose name begins with
/// "guildhall", or one of the scripts of this repository, which start this program.
bool is_of_others(std::string_view name, std::string_view value) {
    static const std::regex kForms(
        "GUILDHALL(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)"
        "(_(ADDR|PORT|PROTO))?)"
        "|GUILDHALL_(TEST_[A-Z0-9_]+|BINARY|BUILD|CLONE_ALONE|FAULT_ROUNDS|JOBS|KILL_ROUNDS|SHAPE|SHARED)");
    static const std::regex kUrls("GUILDHALL(_[A-Z0-9_]+)?_PORT");
    return std::regex_match(name.begin(), name.end(), kForms) ||
           (std::regex_match(name.begin(), name.end(), kUrls) && value.contains("://"));
}

const Option* find_option(std::string_view key) {
    const auto found = std::ranges::find(options(), key, &Option::key);
    return found == options().end() ? nullptr : &*found;
}

/// Reads a configuration from its sources, and collects what is wrong with them.
class Reader {
public:
    void set(std::string_view key, std::string_view value, std::string_view source) {
        const Option* option = find_option(key);
        if (!option) return add(source, "unknown key '" + std::string(key) + "'");
        if (auto wrong = option->set(config, value)) add(source, std::string(key) + " " + *wrong);
    }
    void read_file(const std::string& file);
    void read_environment();

    Config config;
    std::vector<std::string> faults;

private:
    void read_table(const toml::table& table, const std::string& prefix, const std::string& source);
    void add(std::string_view source, std::string_view fault) {
        faults.push_back(std::string(source).append(": ").append(fault));
    }
};

void Reader::read_file(const std::string& file) {
    try {
        read_table(toml::parse_file(file), "", file);
    } catch (const toml::parse_error& wrong) {
        add(file, "line " + std::to_string(wrong.source().begin.line) + ": " + std::string(wrong.description()));
    }
}

void Reader::read_table(const toml::table& table, const std::string& prefix, const std::string& source) {
    for (const auto& [name, node] : table) {
        const std::string key = prefix + std::string(name.str());
        if (const auto* inner = node.as_table()) {
            read_table(*inner, key + ".", source);
        } else if (const auto* list = node.as_array()) {
            std::string joined;
            bool is_list_of_texts = true;
            for (const auto& item : *list) {
                const auto text = item.value<std::string>();
                is_list_of_texts &= text && !text->contains(',');
                joined += (joined.empty() ? "" : ",") + text.value_or("");
            }
            if (is_list_of_texts) {
                set(key, joined, source);
            } else {
                add(source, key + " must be a list of strings without commas");
            }
        } else if (const auto text = node.value_exact<std::string>()) {
            set(key, *text, source);
        } else if (const auto number = node.value_exact<std::int64_t>()) {
            set(key, std::to_string(*number), source);
        } else if (const auto flag = node.value_exact<bool>()) {
            set(key, *flag ? "true" : "false", source);
        } else {
            add(source, key + " must be text, a whole number, true or false");
        }
    }
}

void Reader::read_environment() {
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::string_view name = text.substr(0, text.find('='));
        if (!name.starts_with(kEnvironmentPrefix) || name.size() == text.size()) continue;
        const auto option = std::ranges::find(options(), name, environment_name);
        if (option != options().end()) {
            set(option->key, text.substr(name.size() + 1), name);
        } else if (!is_of_others(name, text.substr(name.size() + 1))) {
            add(name, "there is no such option");
        }
    }
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace

bool Config::Services::runs(std::string_view service) const {
    return run_all() || std::ranges::find(run, service) != run.end();
}

bool Config::Services::run_all() const { return run.empty() || run.size() == app::services().size(); }

const std::vector<std::string>& Config::Services::urls_of(std::string_view service) const {
    static const std::vector<std::string> none;
    const auto found = urls.find(service);
    return found == urls.end() ? none : found->second;
}

Config load_config(const std::filesystem::path& file, const std::vector<Override>& overrides) {
    Reader reader;
    if (!file.empty()) reader.read_file(file.string());
    reader.read_environment();
    for (const Override& override_ : overrides) reader.set(override_.key, override_.value, "command line");
    std::ranges::move(faults_of(reader.config), std::back_inserter(reader.faults));
    if (reader.faults.empty()) return std::move(reader.config);
    if (reader.faults.size() == 1) throw std::runtime_error(reader.faults.front());
    std::string all = "the configuration has " + std::to_string(reader.faults.size()) + " faults:";
    for (const std::string& fault : reader.faults) all.append("\n  ").append(fault);
    throw std::runtime_error(all);
}

std::string print_config(const Config& config) {
    std::string out;
    std::string table;
    for (const Option& option : options()) {
        const auto dot = option.key.find('.');
        const std::string section = dot == std::string::npos ? "" : option.key.substr(0, dot);
        if (section != table) {
            table = section;
            out += "\n[" + table + "]\n";
        }
        const std::string value = option.get(config);
        const bool is_bare =
            value == "true" || value == "false" ||
            (!value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; }));
        out += option.key.substr(dot == std::string::npos ? 0 : dot + 1) + " = ";
        out += option.is_secret && !value.empty() ? "\"********\"" : is_bare ? value : quoted(value);
        out += '\n';
    }
    return out;
}

std::string document_options() {
    std::string out = "| key | environment | flag | default | meaning |\n|---|---|---|---|---|\n";
    const Config defaults;
    for (const Option& option : options()) {
        const std::string value = option.get(defaults);
        out += "| `" + option.key + "` | `" + environment_name(option) + "` | `" + flag_name(option) + "`" +
               (option.alias.empty() ? "" : ", `" + option.alias + "`") + " | " +
               (value.empty() ? "" : "`" + value + "`") + " | " + option.help + (option.is_secret ? " (secret)" : "") +
               " |\n";
    }
    return out;
}

}  // namespace guildhall::app
