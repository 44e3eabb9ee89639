#pragma once

#include <csignal>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

#include "support/await.hpp"
#include "support/databases.hpp"
#include "support/processes.hpp"
#include "support/redis.hpp"

namespace guildhall::test {

/// Redis servers for one test, which may stop, pause and restart them (tests/engines/up-redis). Killed when this is
/// destroyed.
class RedisServers {
public:
    /// `mode` is "single", "tls", "sentinel" or "cluster". Throws std::runtime_error with the script's output when they
    /// do not start.
    explicit RedisServers(std::string mode) : mode_(std::move(mode)) { run({}); }
    ~RedisServers() {
        for (const auto& [name, port] : ports_) kill(name);
    }
    RedisServers(const RedisServers&) = delete;
    RedisServers& operator=(const RedisServers&) = delete;

    const std::string& url() const { return url_; }
    /// The certificate of the authority for "tls".
    std::filesystem::path authority() const { return folder_.path() / "data" / "ca.pem"; }
    const std::string& port(const std::string& name) const { return ports_.at(name); }
    /// Freezes one. The clients are not notified.
    void pause(const std::string& name) const { signal(name, SIGSTOP); }
    /// Resumes it.
    void resume(const std::string& name) const { signal(name, SIGCONT); }
    /// Stops one and returns when its port is free.
    void kill(const std::string& name) const {
        signal(name, SIGKILL);
        const pid_t pid = pid_of(name);
        wait_until([&] { return is_over(pid); });
    }
    /// Restarts the single server, on the same port, empty.
    void start_again() { run(ports_.at("single")); }

private:
    void run(const std::string& port) {
        const std::string folder = folder_.path().string();
        const std::string command = "MODE=" + mode_ + (port.empty() ? "" : " PORT=" + port) + " DATA_DIR=" + folder +
                                    "/data STATE_DIR=" + folder + "/state tests/engines/up-redis";
        std::istringstream lines(output_of(command));
        for (std::string text; std::getline(lines, text);) {
            const auto equals = text.find('=');
            if (text.starts_with("GUILDHALL_TEST_")) {
                url_ = text.substr(equals + 1);
            } else if (const auto space = text.find(' '); space != std::string::npos) {
                ports_[text.substr(0, space)] = text.substr(space + 1);
            }
        }
    }
    pid_t pid_of(const std::string& name) const {
        std::ifstream record(folder_.path() / "state" / ("redis-" + name + ".pid"));
        pid_t pid = 0;
        record >> pid;
        if (pid <= 0) throw std::runtime_error("no server " + name);
        return pid;
    }
    void signal(const std::string& name, int number) const { ::kill(pid_of(name), number); }

    TemporaryFolder folder_;
    const std::string mode_;
    std::string url_;
    std::map<std::string, std::string> ports_;
};

}  // namespace guildhall::test
