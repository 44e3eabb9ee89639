#include "app/config/config.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include <toml++/toml.h>

#include "app/config/config_check.hpp"
#include "app/services.hpp"

namespace guildhall::app {
namespace {

const Option* find_option(std::string_view key) {
    const auto found = std::ranges::find(options(), key, &Option::key);
    return found == options().end() ? nullptr : &*found;
}

void set(Config& config, std::string_view key, std::string_view value, std::string_view source) {
    const Option* option = find_option(key);
    if (!option) throw std::runtime_error(std::string(source) + ": unknown key '" + std::string(key) + "'");
    if (auto wrong = option->set(config, value))
        throw std::runtime_error(std::string(source) + ": " + std::string(key) + " " + *wrong);
}

void read_table(const toml::table& table, const std::string& prefix, Config& config, const std::string& source) {
    const auto wrong = [&](const std::string& key, std::string_view what) {
        return std::runtime_error(std::string(source).append(": ").append(key).append(" ").append(what));
    };
    for (const auto& [name, node] : table) {
        const std::string key = prefix + std::string(name.str());
        if (const auto* inner = node.as_table()) {
            read_table(*inner, key + ".", config, source);
        } else if (const auto* list = node.as_array()) {
            std::string joined;
            for (const auto& item : *list) {
                const auto text = item.value<std::string>();
                if (!text || text->find(',') != std::string::npos)
                    throw wrong(key, "must be a list of strings without commas");
                joined += (joined.empty() ? "" : ",") + *text;
            }
            set(config, key, joined, source);
        } else if (const auto text = node.value_exact<std::string>()) {
            set(config, key, *text, source);
        } else if (const auto number = node.value_exact<std::int64_t>()) {
            set(config, key, std::to_string(*number), source);
        } else if (const auto flag = node.value_exact<bool>()) {
            set(config, key, *flag ? "true" : "false", source);
        } else {
            throw wrong(key, "must be text, a whole number, true or false");
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
    Config config;
    if (!file.empty()) {
        try {
            read_table(toml::parse_file(file.string()), "", config, file.string());
        } catch (const toml::parse_error& wrong) {
            throw std::runtime_error(file.string() + ": line " + std::to_string(wrong.source().begin.line) + ": " +
                                     std::string(wrong.description()));
        }
    }
    for (const Option& option : options())
        // Nothing changes the environment of this program. NOLINTNEXTLINE(concurrency-mt-unsafe)
        if (const char* value = std::getenv(environment_name(option).c_str()))
            set(config, option.key, value, environment_name(option));
    for (const Override& override_ : overrides) set(config, override_.key, override_.value, "command line");
    check(config);
    return config;
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
