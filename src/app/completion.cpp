#include "app/completion.hpp"

#include <CLI/CLI.hpp>

namespace guildhall::app {
namespace {

/// A command and what may follow it.
struct Command {
    std::string path;  // "events dead", empty for the program
    std::string words;
};

void add_commands(const CLI::App& app, const std::string& path, std::vector<Command>& out) {
    Command command{path, ""};
    const auto add = [&](const std::string& word) { command.words += (command.words.empty() ? "" : " ") + word; };
    const auto children = app.get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* child : children) add(child->get_name());
    for (const CLI::Option* option : app.get_options())
        for (const std::string& name : option->get_lnames()) add("--" + name);
    out.push_back(std::move(command));
    for (const CLI::App* child : children)
        add_commands(*child, path.empty() ? child->get_name() : path + ' ' + child->get_name(), out);
}

// Finds the command by the words before the cursor: a word is part of it as long as the words so far are a command.
// Where no word fits, Bash completes the names of files.
constexpr std::string_view kBashStart = R"(_guildhall() {
    local word words path=
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case " ${_guildhall_paths[*]} " in *" ${path:+$path/}$word "*) path=${path:+$path/}$word ;; esac
    done
    case $path in
)";

constexpr std::string_view kBashEnd = R"(    esac
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _guildhall guildhall
)";

std::string with_slashes(std::string path) {
    for (char& c : path) c = c == ' ' ? '/' : c;
    return path;
}

std::string bash_script(const std::vector<Command>& commands) {
    std::string paths;
    std::string cases;
    for (const Command& command : commands) {
        const std::string path = with_slashes(command.path);
        if (!path.empty()) paths += (paths.empty() ? "" : " ") + path;
        cases += "    \"" + path + "\") words=\"" + command.words + "\" ;;\n";
    }
    return "_guildhall_paths=(" + paths + ")\n" + std::string(kBashStart) + cases + std::string(kBashEnd);
}

std::string fish_script(const std::vector<Command>& commands) {
    std::string out = "complete -c guildhall -f\n";
    for (const Command& command : commands) {
        std::string condition = command.path.empty() ? "__fish_use_subcommand" : "";
        for (std::size_t begin = 0; begin < command.path.size();) {
            const std::size_t end = std::min(command.path.find(' ', begin), command.path.size());
            condition += (condition.empty() ? "" : "; and ") + std::string("__fish_seen_subcommand_from ") +
                         command.path.substr(begin, end - begin);
            begin = end + 1;
        }
        out += "complete -c guildhall -n \"" + condition + "\" -a \"" + command.words + "\"\n";
    }
    return out;
}

}  // namespace

const std::vector<std::string>& completed_shells() {
    static const std::vector<std::string> shells{"bash", "fish", "zsh"};
    return shells;
}

std::string completion_script(const CLI::App& program, std::string_view shell) {
    std::vector<Command> commands;
    add_commands(program, "", commands);
    if (shell == "fish") return fish_script(commands);
    // Zsh runs Bash's script in its own emulation of Bash's completion.
    return (shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "") + bash_script(commands);
}

}  // namespace guildhall::app
