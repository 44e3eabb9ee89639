#pragma once

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "platform/sql/postgres.hpp"
#include "support/await.hpp"
#include "support/databases.hpp"
#include "support/processes.hpp"

namespace guildhall::test {

/// A PostgreSQL primary and its streaming standby for one test, which may stop, pause, restart and promote them
/// (tests/engines/up-postgres). Killed when this is destroyed. They keep the names "primary" and "standby", also after
/// a promotion.
class PostgresServers {
public:
    /// Throws std::runtime_error with the script's output when they do not start.
    PostgresServers() {
        // PostgreSQL runs as its own user.
        std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
        start("primary");
        start("standby");
    }
    ~PostgresServers() {
        for (const auto& [name, port] : ports_) kill(name);
    }

    const std::string& port(const std::string& name) const { return ports_.at(name); }
    /// The connection string of one of them, or of "primary,standby".
    std::string dsn(const std::string& name) const {
        const bool is_both = name == "primary,standby";
        return std::string("user=guildhall dbname=postgres host=") + (is_both ? "127.0.0.1,127.0.0.1" : "127.0.0.1") +
               " port=" + (is_both ? port("primary") + "," + port("standby") : port(name));
    }
    /// Runs statements on one of them.
    void execute(const std::string& name, const std::string& text) const { open(name)->execute_script(text); }

    /// Freezes one, with all processes that serve its connections. The clients are not notified.
    void pause(const std::string& name) const { signal(name, SIGSTOP); }
    /// Resumes it.
    void resume(const std::string& name) const { signal(name, SIGCONT); }
    /// Kills one, with all processes that serve its connections.
    void kill(const std::string& name) const {
        const auto processes = processes_of(name);
        if (processes.empty()) return;
        signal(name, SIGKILL);
        wait_until([&] { return processes_of(name).empty(); });
        // It seems to run until it is reaped.
        std::filesystem::remove(folder_.path() / name / "main" / "postmaster.pid");
    }
    /// Starts or restarts it, on the same port, with its data.
    void start(const std::string& name) {
        const std::string folder = (folder_.path() / name).string();
        std::string command = "DATA_DIR=" + folder + " STATE_DIR=" + folder_.path().string() + "/state";
        if (ports_.contains(name)) command += " PORT=" + ports_.at(name);
        if (name == "standby") command += " STANDBY_OF=" + ports_.at("primary");
        std::istringstream lines(output_of(command + " tests/engines/up-postgres"));
        for (std::string text; std::getline(lines, text);) {
            const auto begin = text.find("port=");
            if (!text.starts_with("GUILDHALL_TEST_") || begin == std::string::npos) continue;
            ports_[name] = text.substr(begin + 5, text.find(' ', begin) - begin - 5);
        }
    }
    /// Starts it with its data, as a standby without a primary.
    void start_as_standby(const std::string& name) {
        std::ofstream(folder_.path() / name / "main" / "standby.signal").close();
        start(name);
    }
    /// Promotes the standby; returns when it is a primary, also by its control file.
    void promote() const { execute("standby", "SELECT pg_promote(true, 60); CHECKPOINT"); }
    /// Returns when the standby has replayed everything of the primary.
    void wait_for_standby() const {
        const auto position = value("primary", "SELECT pg_current_wal_lsn()::text");
        const auto query = "SELECT (pg_last_wal_replay_lsn() >= '" + position + "'::pg_lsn)::text";
        wait_until([&] { return value("standby", query) == "true"; });
    }
    /// The only value, a text, of a query.
    std::string value(const std::string& name, const std::string& query) const {
        const sql::Statement statement{"test.value", query.c_str()};
        const auto database = open(name);
        auto rows = await(database->read(statement, {}));
        return rows[0].text(0);
    }

private:
    std::unique_ptr<sql::Database> open(const std::string& name) const {
        return sql::open_postgres({.dsn = dsn(name) + " target_session_attrs=any", .schema = "public"});
    }
    // The server and its children, which may outlive it shortly. All of them have its folder as working directory.
    std::vector<pid_t> processes_of(const std::string& name) const {
        const auto data = folder_.path() / name / "main";
        std::vector<pid_t> found;
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            const auto number = entry.path().filename().string();
            if (number.find_first_not_of("0123456789") != std::string::npos) continue;
            std::error_code error;
            if (std::filesystem::read_symlink(entry.path() / "cwd", error) == data && !error)
                found.push_back(std::stoi(number));
        }
        return found;
    }
    void signal(const std::string& name, int number) const {
        for (const pid_t pid : processes_of(name)) ::kill(pid, number);
    }

    TemporaryFolder folder_;
    std::map<std::string, std::string> ports_;
};

}  // namespace guildhall::test
