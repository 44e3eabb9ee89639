#include "app/io_threads.hpp"

#include <algorithm>
#include <exception>
#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>

namespace guildhall::app {

IoThreads::IoThreads(std::size_t count) {
    for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i)
        pointers_.push_back(contexts_.emplace_back(std::make_unique<Context>(1)).get());
    for (auto& context : contexts_) {
        threads_.emplace_back([io = context.get()] {
            const auto work = boost::asio::make_work_guard(*io);
            io->run();
        });
    }
}

IoThreads::~IoThreads() { stop(); }

void IoThreads::stop() {
    for (auto& context : contexts_) context->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    for (auto& context : contexts_) context->abandon();
}

void run_and_wait(IoThreads& threads, std::function<Task<void>()> task) {
    std::promise<void> done;
    boost::asio::co_spawn(threads.first(), task, [&done](std::exception_ptr failure) {
        if (failure) {
            done.set_exception(failure);
        } else {
            done.set_value();
        }
    });
    done.get_future().get();
}

}  // namespace guildhall::app
