#pragma once

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/databases.hpp"
#include "support/processes.hpp"

namespace guildhall::test {

/// A RabbitMQ node for one test, which may stop, freeze and restart it with the same port and data. A start takes about
/// 10 s.
class RabbitmqNode {
public:
    RabbitmqNode() { start(); }
    ~RabbitmqNode() {
        if (is_frozen_) thaw();
        run("tests/engines/down || true");
    }
    RabbitmqNode(const RabbitmqNode&) = delete;
    RabbitmqNode& operator=(const RabbitmqNode&) = delete;

    /// "amqp://…"
    const std::string& url() const { return url_; }
    /// Restarts it after kill().
    void start() {
        const std::string output = run((port_.empty() ? "" : "PORT=" + port_ + " ") + "tests/engines/up-rabbitmq");
        const std::string name = "GUILDHALL_TEST_RABBITMQ=";
        const auto at = output.find(name);
        url_ = output.substr(at + name.size(), output.find('\n', at) - at - name.size());
        const auto colon = url_.rfind(':') + 1;
        port_ = url_.substr(colon, url_.find('/', colon) - colon);
        std::ifstream(folder_.path() / "data" / "node.pid") >> pid_;
    }
    /// Sends SIGKILL and returns when it has ended.
    void kill() {
        ::kill(pid_, SIGKILL);
        while (!is_over(pid_)) ::usleep(1000);
    }
    /// Freezes it: its connections stay but send nothing, as with a network that drops all packets.
    void freeze() {
        ::kill(pid_, SIGSTOP);
        is_frozen_ = true;
    }
    void thaw() {
        ::kill(pid_, SIGCONT);
        is_frozen_ = false;
    }

private:
    std::string run(const std::string& command) {
        const std::string place = folder_.path().string();
        return output_of("export DATA_DIR=" + place + "/data STATE_DIR=" + place + "/state; " + command);
    }

    TemporaryFolder folder_;
    std::string url_;
    std::string port_;
    pid_t pid_ = 0;
    bool is_frozen_ = false;
};

}  // namespace guildhall::test
