#pragma once

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/databases.hpp"

namespace guildhall::test {

/// A RabbitMQ node of this test alone, to be stopped, frozen and started again on the same port and data. About 10 s a start.
class RabbitmqNode {
public:
    RabbitmqNode() { start(); }
    ~RabbitmqNode() {
        if (is_frozen_) thaw();
        run("tests/engines/down");
    }
    RabbitmqNode(const RabbitmqNode&) = delete;
    RabbitmqNode& operator=(const RabbitmqNode&) = delete;

    /// "amqp://…"
    const std::string& url() const { return url_; }
    /// Starts it again after kill().
    void start() {
        const std::string output = run((port_.empty() ? "" : "PORT=" + port_ + " ") + "tests/engines/up-rabbitmq");
        const std::string name = "GUILDHALL_TEST_RABBITMQ=";
        const auto at = output.find(name);
        if (at == std::string::npos) throw std::runtime_error("RabbitMQ did not start: " + output);
        url_ = output.substr(at + name.size(), output.find('\n', at) - at - name.size());
        const auto colon = url_.rfind(':') + 1;
        port_ = url_.substr(colon, url_.find('/', colon) - colon);
        std::ifstream(folder_.path() / "data" / "node.pid") >> pid_;
    }
    /// SIGKILL, as in a power cut; returns when it has ended.
    void kill() {
        ::kill(pid_, SIGKILL);
        while (::kill(pid_, 0) == 0 && !is_zombie()) ::usleep(1000);
    }
    /// Its connections stay and nothing comes out of them, as with a network that drops all packets.
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
        const std::string line = "DATA_DIR=" + place + "/data STATE_DIR=" + place + "/state " + command + " 2>&1";
        const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(line.c_str(), "r"), ::pclose);
        std::string output;
        std::array<char, 4096> buffer{};
        while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
            output.append(buffer.data(), count);
        return output;
    }
    // Its parent may be slow to reap it.
    bool is_zombie() const {
        std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
        std::string text((std::istreambuf_iterator<char>(file)), {});
        return text.find(") Z") != std::string::npos;
    }

    TemporaryFolder folder_;
    std::string url_;
    std::string port_;
    pid_t pid_ = 0;
    bool is_frozen_ = false;
};

}  // namespace guildhall::test
