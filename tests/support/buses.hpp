#pragma once

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <unistd.h>

#include "platform/bus/memory.hpp"
#include "platform/bus/rabbitmq.hpp"

namespace guildhall::test {

/// An io_context with its own thread, until it is destroyed.
class IoThread {
public:
    ~IoThread() {
        io_.stop();
        thread_.join();
    }
    boost::asio::any_io_executor executor() { return io_.get_executor(); }

private:
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
    std::thread thread_{[this] { io_.run(); }};
};

/// A new bus of one kind: "memory" or "rabbitmq" (with its own exchange and queues at the broker of
/// GUILDHALL_TEST_RABBITMQ). Stopped when it is destroyed.
class TestBus {
public:
    explicit TestBus(const std::string& kind) {
        bus_ = kind == "memory" ? bus::make_memory_bus() : bus::make_rabbitmq_bus(options());
    }
    ~TestBus() { bus_->stop(std::chrono::seconds(5)); }

    /// The reason why this kind cannot be tested; empty when it can.
    static std::string missing(const std::string& kind) {
        if (kind == "memory" || std::getenv("GUILDHALL_TEST_RABBITMQ")) return {};
        return "GUILDHALL_TEST_RABBITMQ is not set";
    }
    /// A prefix for names at the broker that no other test uses.
    static std::string fresh_prefix() {
        static std::atomic<int> count{0};
        return "test." + std::to_string(::getpid()) + "." + std::to_string(++count) + ".";
    }

    bus::Bus& operator*() { return *bus_; }
    bus::Bus* operator->() { return bus_.get(); }

private:
    bus::RabbitmqOptions options() {
        return {.urls = {std::getenv("GUILDHALL_TEST_RABBITMQ")},
                .prefix = fresh_prefix(),
                .executors = {threads_[0].executor(), threads_[1].executor()}};
    }

    IoThread threads_[2];
    std::unique_ptr<bus::Bus> bus_;
};

}  // namespace guildhall::test
