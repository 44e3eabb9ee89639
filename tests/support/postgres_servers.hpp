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

/// A PostgreSQL primary and its streaming standby, of a test's own, which it may stop, pause, start again and promote
/// (tests/engines/up-postgres). Killed with this. They are called "primary" and "standby", whatever has become of them.
class PostgresServers {
public:
    /// Throws std::runtime_error with the script's words when they do not start.
    PostgresServers() {
        // PostgreSQL runs as a user of its own.
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

    /// Stops one, and all that serve its connections, without saying so to the other side.
    void pause(const std::string& name) const { signal(name, SIGSTOP); }
    /// Lets it go on.
    void resume(const std::string& name) const { signal(name, SIGCONT); }
    /// Ends one at once, with all that serve its connections.
    void kill(const std::string& name) const {
        const auto processes = processes_of(name);
        if (processes.empty()) return;
        signal(name, SIGKILL);
        wait_until([&] { return processes_of(name).empty(); });
        // It looks as if it ran, until somebody reaps it.
        std::filesystem::remove(folder_.path() / name / "main" / "postmaster.pid");
    }
    /// Starts it (again), on the same port, with what it had.
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
    /// Starts it with what it had, as a standby that nobody sends anything.
    void start_as_standby(const std::string& name) {
        std::ofstream(folder_.path() / name / "main" / "standby.signal").close();
        start(name);
    }
    /// Makes the standby a primary; returns when it is one. Its control file says so too.
    void promote() const { execute("standby", "SELECT pg_promote(true, 60); CHECKPOINT"); }
    /// Returns when the standby has everything that the primary has.
    void wait_for_standby() const {
        const auto position = value("primary", "SELECT pg_current_wal_lsn()::text");
        const auto query = "SELECT (pg_last_wal_replay_lsn() >= '" + position + "'::pg_lsn)::text";
        wait_until([&] { return value("standby", query) == "true"; });
    }
    /// The one value, a text, that a query gives.
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
    // The server and its children, which outlive it for a moment; all of them have its folder as theirs.
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
