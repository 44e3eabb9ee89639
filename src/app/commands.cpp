#include "app/commands.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/system/system_error.hpp>
#include <fcntl.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/application.hpp"
#include "app/completion.hpp"
#include "app/config/config.hpp"
#include "app/data_folder_lock.hpp"
#include "app/dead_letters.hpp"
#include "app/gateway/gateway.hpp"
#include "app/gateway/gateway_kong.hpp"
#include "app/gateway/gateway_nginx.hpp"
#include "app/graph_check.hpp"
#include "app/health.hpp"
#include "app/import/import.hpp"
#include "app/open_files.hpp"
#include "app/platform_routes.hpp"
#include "app/route_table.hpp"
#include "app/services.hpp"
#include "app/user_admin.hpp"
#include "platform/base/log.hpp"

namespace guildhall::app {
namespace {

constexpr const char* kVersion = "guildhall " GUILDHALL_VERSION;

/// The configuration's flags on one subcommand.
struct ConfigFlags {
    std::string file;
    std::vector<std::unique_ptr<std::string>> values;
    std::vector<CLI::Option*> flags;

    void add_to(CLI::App& command) {
        const Config defaults;
        command.add_option("--config", file, "TOML file")->check(CLI::ExistingFile);
        for (const Option& option : options()) {
            std::string names = flag_name(option);
            if (!option.alias.empty()) names += "," + option.alias;
            values.push_back(std::make_unique<std::string>());
            flags.push_back(command.add_option(names, *values.back(), option.help)->group("Configuration"));
            if (!option.is_secret) flags.back()->default_str(option.get(defaults));
        }
    }
    /// Reads the configuration and sets up the log as it says.
    Config load() const {
        std::vector<Override> overrides;
        for (std::size_t i = 0; i < flags.size(); ++i)
            if (flags[i]->count() > 0) overrides.push_back({options()[i].key, *values[i]});
        Config config = load_config(file, overrides);
        set_up_log(config.log.level, config.log.json);
        return config;
    }
};

std::size_t thread_count(const Config& config) {
    return config.http.threads > 0 ? config.http.threads : std::max(std::thread::hardware_concurrency(), 1U);
}

sigset_t end_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

int serve(const Config& config) {
    if (const std::size_t needed = most_open_files(config, thread_count(config)), limit = raise_open_files_limit();
        limit < needed)
        spdlog::warn("the system lets this process open {} files (RLIMIT_NOFILE); http.max_connections = {} needs {}",
                     limit, config.http.max_connections, needed);
    const sigset_t signals = end_signals();
    std::optional<DataFolderLock> lock;
    if (config.sql.engine == "sqlite") lock.emplace(config.data_dir);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts: only sigwait() below takes them

    IoThreads threads(thread_count(config));
    Application application(config, threads);
    const Draining draining{application, threads, config.drain_deadline};
    application.start();
    const std::uint16_t port = application.listen();
    std::cout << "listening on http://" << print_listen(config.http.address, port) << std::endl;

    int signal = 0;
    sigwait(&signals, &signal);
    spdlog::info("signal {}: draining", signal);
    application.announce_drain();
    const timespec notice{config.http.drain_notice.count(), 0};
    sigtimedwait(&signals, nullptr, &notice);  // a second signal ends it
    application.stop_listening(config.drain_deadline);
    return 0;
}

void print_queues(const Config& config) {
    for (const ServiceRow& row : services())
        for (const bus::Wanted& wanted : service::wanted_by(row.definition()))
            std::cout << config.bus.prefix << wanted.consumer << '\n';
}

void print_services() {
    for (const ServiceRow& row : services()) std::cout << row.name << '\n';
}

int print_openapi() {
    const Config config;
    PlatformRoutes documents(config, {});
    documents.publish(describe_all_routes());
    std::cout << documents.openapi_document() << '\n';
    return 0;
}

using Commands = std::vector<CLI::App*>;

Commands commands_of(CLI::App& app) {
    return app.get_subcommands([](CLI::App*) { return true; });
}

/// The command that `words` name, from `program` downwards. Throws std::invalid_argument naming the first word that is
/// none.
CLI::App& find_command(CLI::App& program, const std::vector<std::string>& words) {
    CLI::App* command = &program;
    for (const std::string& word : words) {
        const Commands known = commands_of(*command);
        if (known.empty()) break;  // the rest are arguments
        const auto found = std::ranges::find(known, word, [](const CLI::App* child) { return child->get_name(); });
        if (found == known.end()) {
            std::string names;
            for (const CLI::App* child : known) names += (names.empty() ? "" : ", ") + child->get_name();
            throw std::invalid_argument("there is no command \"" + word + "\"; there are: " + names);
        }
        command = *found;
    }
    return *command;
}

/// "guildhall events" for the command `guildhall events dead`.
std::string parents_of(const CLI::App& command) {
    std::string names;
    for (const CLI::App* parent = command.get_parent(); parent != nullptr; parent = parent->get_parent())
        names = parent->get_name() + (names.empty() ? "" : " ") + names;
    return names;
}

/// The words before the first option.
std::vector<std::string> leading_words(int argc, char** argv) {
    std::vector<std::string> words;
    for (int i = 1; i < argc && argv[i][0] != '-'; ++i) words.emplace_back(argv[i]);
    return words;
}

/// Opens those of the descriptors 0 to 2 that are closed on /dev/null: otherwise the next file to be opened, such as a
/// database, would get their numbers, and the log would be written into it.
void open_standard_streams() {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF)
            ::open("/dev/null", O_RDWR);  // takes the lowest free number
}

/// Makes the allocator give large blocks back to the system as soon as they are free. By default, glibc raises this
/// limit to the largest block that was freed, and after a flood of large bodies it keeps them all.
void bound_kept_memory() {
    constexpr int kLargeBlock = 128 << 10;
    ::mallopt(M_MMAP_THRESHOLD, kLargeBlock);
    ::mallopt(M_TRIM_THRESHOLD, 2 * kLargeBlock);
}

Gateway plan(const Config& config, const GatewayOptions& options) {
    return plan_gateway(config, options, describe_all_routes());
}

}  // namespace

int run(int argc, char** argv) {
    open_standard_streams();
    bound_kept_memory();
    std::signal(SIGPIPE, SIG_IGN);
    set_up_log("warn", false);  // to standard error: standard output is for what a command prints
    ::umask(077);               // the databases hold private keys and password hashes
    CLI::App program("Guildhall: the backend of a professional network", "guildhall");
    program.require_subcommand(1);
    program.set_version_flag("--version", kVersion, "Print the version");

    std::vector<std::string> help_words;
    auto* help_command = program.add_subcommand("help", "Print the help of a command");
    help_command->add_option("COMMAND", help_words, "Its words, such as: help events dead list");

    ConfigFlags serve_flags;
    auto* serve_command = program.add_subcommand("serve", "Serve the API");
    serve_flags.add_to(*serve_command);

    ConfigFlags migrate_flags;
    auto* migrate_command = program.add_subcommand("migrate", "Bring the databases to this version's schema and end");
    migrate_flags.add_to(*migrate_command);

    ConfigFlags import_flags;
    ImportOptions import_options;
    auto* import_command = program.add_subcommand("import", "Load members, connections and posts from files");
    import_flags.add_to(*import_command);
    add_import_options(*import_command, import_options);

    auto* events_command = program.add_subcommand("events", "Events between the services");
    events_command->require_subcommand(1);
    auto* dead_command = events_command->add_subcommand("dead", "Those that a consumer could not handle");
    dead_command->require_subcommand(1);
    DeadLetterChoice dead_letters;
    ConfigFlags list_flags;
    auto* list_command = dead_command->add_subcommand("list", "Print them, a JSON object a line");
    list_flags.add_to(*list_command);
    add_list_options(*list_command, dead_letters);
    ConfigFlags replay_flags;
    auto* replay_command = dead_command->add_subcommand("replay", "Give them to their consumers again");
    replay_flags.add_to(*replay_command);
    add_replay_options(*replay_command, dead_letters);

    ConfigFlags queue_flags;
    auto* queues_command = events_command->add_subcommand("queues", "Print the queues at the broker, one a line");
    queue_flags.add_to(*queues_command);

    auto* rebuild_command = program.add_subcommand("rebuild", "Rebuild a projection from the facts, while serving");
    rebuild_command->require_subcommand(1);
    ConfigFlags rebuild_flags;
    auto* rebuild_graph_command = rebuild_command->add_subcommand("graph", "The social graph; prints what was wrong");
    rebuild_flags.add_to(*rebuild_graph_command);
    auto* graph_command = program.add_subcommand("graph", "The social graph");
    graph_command->require_subcommand(1);
    ConfigFlags graph_flags;
    auto* graph_check_command =
        graph_command->add_subcommand("check", "Compare it with the facts and print what is wrong; ends with 1 then");
    graph_flags.add_to(*graph_check_command);

    auto* health_command = program.add_subcommand("health", "Print whether a server is ready; ends with 1 if not");
    std::string server_url = "http://127.0.0.1:8080";
    health_command->add_option("url", server_url, "Base URL of the server")->capture_default_str();

    auto* user_command = program.add_subcommand("user", "Accounts");
    user_command->require_subcommand(1);
    ConfigFlags user_list_flags;
    auto* user_list_command = user_command->add_subcommand("list", "Print them, a JSON object a line");
    user_list_flags.add_to(*user_list_command);
    std::string account;
    const auto add_account_command = [&](const std::string& name, const std::string& help, ConfigFlags& flags) {
        auto* command = user_command->add_subcommand(name, help);
        command->add_option("account", account, "E-mail address, handle or id")->required();
        flags.add_to(*command);
        return command;
    };
    ConfigFlags reset_flags;
    auto* reset_command = add_account_command(
        "reset-password", "Set a random password, print it, and end all sessions of the account", reset_flags);
    ConfigFlags disable_flags;
    auto* disable_command =
        add_account_command("disable", "End all sessions of an account and refuse its sign-ins", disable_flags);
    ConfigFlags enable_flags;
    auto* enable_command = add_account_command("enable", "Let the member of a disabled account in again", enable_flags);

    auto* mail_command = program.add_subcommand("mail", "Mails to members");
    mail_command->require_subcommand(1);
    ConfigFlags dead_mail_flags;
    auto* dead_mail_command =
        mail_command->add_subcommand("dead", "Print those that were not delivered, a JSON object a line");
    dead_mail_flags.add_to(*dead_mail_command);

    auto* services_command = program.add_subcommand("services", "Print the names of all services, one a line");

    auto* openapi_command = program.add_subcommand("openapi", "Print the OpenAPI document");

    auto* gateway_command =
        program.add_subcommand("gateway", "Print the configuration of a gateway before the services");
    gateway_command->require_subcommand(1);
    ConfigFlags nginx_flags;
    GatewayOptions nginx_options;
    auto* nginx_command = gateway_command->add_subcommand("nginx", "A whole nginx.conf");
    nginx_flags.add_to(*nginx_command);
    add_nginx_options(*nginx_command, nginx_options);
    ConfigFlags kong_flags;
    GatewayOptions kong_options;
    auto* kong_command = gateway_command->add_subcommand("kong", "A declarative kong.yml, format 3.0");
    kong_flags.add_to(*kong_command);
    add_kong_options(*kong_command, kong_options);

    auto* config_command = program.add_subcommand("config", "The configuration");
    config_command->require_subcommand(1);
    ConfigFlags check_flags;
    auto* check_command = config_command->add_subcommand("check", "Read it and say what is wrong");
    check_flags.add_to(*check_command);
    ConfigFlags print_flags;
    auto* print_command = config_command->add_subcommand("print", "Print it, with secrets masked");
    print_flags.add_to(*print_command);
    auto* document_command = config_command->add_subcommand("document", "Print the table of all keys as Markdown");

    auto* version_command = program.add_subcommand("version", "Print the version");

    std::string shell;
    auto* completion_command = program.add_subcommand(
        "completion", "Print a script that completes commands and options: source <(guildhall completion bash)");
    completion_command->add_option("SHELL", shell, "The shell")->required()->check(CLI::IsMember(completed_shells()));

    try {
        // What CLI11 alone does not: to name an unknown command, and to show what may follow one that is not complete.
        std::vector<std::string> words = leading_words(argc, argv);
        const bool is_help = !words.empty() && words.front() == "help";
        const bool has_options = static_cast<std::size_t>(argc) > 1 + words.size();
        if (is_help) words.erase(words.begin());
        CLI::App& named = find_command(program, words);
        if (!has_options && (is_help || !commands_of(named).empty())) {
            (is_help ? std::cout : std::cerr) << named.help(parents_of(named));
            return is_help ? 0 : 2;
        }
        program.parse(argc, argv);
    } catch (const std::invalid_argument& unknown) {
        std::cerr << "guildhall: " << unknown.what() << '\n';
        return 2;
    } catch (const CLI::ParseError& wrong) {
        const int code = program.exit(wrong);
        return code == 0 ? 0 : 2;
    }

    try {
        if (*serve_command) return serve(serve_flags.load());
        if (*migrate_command) migrate(migrate_flags.load());
        if (*import_command) return import_files(import_flags.load(), import_options);
        if (*list_command) list_dead_letters(list_flags.load(), dead_letters, std::cout);
        if (*replay_command) replay_dead_letters(replay_flags.load(), dead_letters, std::cout);
        if (*queues_command) print_queues(queue_flags.load());
        if (*rebuild_graph_command) compare_graph(rebuild_flags.load(), true, std::cout);
        if (*graph_check_command) return compare_graph(graph_flags.load(), false, std::cout) ? 0 : 1;
        if (*nginx_command) std::cout << nginx_configuration(plan(nginx_flags.load(), nginx_options));
        if (*kong_command) std::cout << kong_configuration(plan(kong_flags.load(), kong_options));
        if (*health_command) ask_readiness(server_url, std::cout);
        if (*user_list_command) list_users(user_list_flags.load(), std::cout);
        if (*reset_command) reset_user_password(reset_flags.load(), account, std::cout);
        if (*disable_command) set_user_disabled(disable_flags.load(), account, true, std::cout);
        if (*enable_command) set_user_disabled(enable_flags.load(), account, false, std::cout);
        if (*dead_mail_command) list_dead_mails(dead_mail_flags.load(), std::cout);
        if (*services_command) print_services();
        if (*openapi_command) return print_openapi();
        if (*check_command) {
            check_flags.load();
            std::cout << "the configuration is sound\n";
        }
        if (*print_command) std::cout << print_config(print_flags.load());
        if (*document_command) std::cout << document_options();
        if (*version_command) std::cout << kVersion << '\n';
        if (*completion_command) std::cout << completion_script(program, shell);
        return 0;
    } catch (const boost::system::system_error& error) {
        // what() also names the line of a library.
        std::cerr << "guildhall: " << error.code().message() << '\n';
        return 1;
    } catch (const std::exception& error) {
        std::cerr << "guildhall: " << error.what() << '\n';
        return 1;
    }
}

}  // namespace guildhall::app
