#include "platform/async/call.hpp"

#include <utility>

#include <boost/asio/this_coro.hpp>

namespace guildhall {
namespace {

namespace asio = boost::asio;

/// An executor that carries a call. A coroutine and those that it awaits share one executor, the only place where Asio
/// lets a chain of coroutines carry data of its own.
class CallExecutor {
public:
    CallExecutor(asio::any_io_executor inner, CallPointer call) noexcept
        : inner_(std::move(inner)), call_(std::move(call)) {}

    const CallPointer& call() const { return call_; }
    const asio::any_io_executor& inner() const { return inner_; }

    template <class Property>
        requires asio::can_query<const asio::any_io_executor&, Property>::value
    decltype(auto) query(const Property& property) const {
        return asio::query(inner_, property);
    }
    template <class Property>
        requires asio::can_require<const asio::any_io_executor&, Property>::value
    CallExecutor require(const Property& property) const {
        return {asio::require(inner_, property), call_};
    }
    template <class Property>
        requires asio::can_prefer<const asio::any_io_executor&, Property>::value
    CallExecutor prefer(const Property& property) const {
        return {asio::prefer(inner_, property), call_};
    }
    template <class Function>
    void execute(Function&& function) const {
        inner_.execute(std::forward<Function>(function));
    }
    friend bool operator==(const CallExecutor& a, const CallExecutor& b) noexcept {
        return a.call_ == b.call_ && a.inner_ == b.inner_;
    }

private:
    asio::any_io_executor inner_;
    CallPointer call_;
};

}  // namespace

Task<CallPointer> current_call() {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto* own = executor.target<CallExecutor>();
    co_return own ? own->call() : nullptr;
}

const Call* call_on(const asio::any_io_executor& executor) {
    const auto* own = executor.target<CallExecutor>();
    return own ? own->call().get() : nullptr;
}

asio::any_io_executor detail::executor_with(asio::any_io_executor inner, CallPointer call) {
    const auto* own = inner.target<CallExecutor>();
    return CallExecutor(own ? own->inner() : inner, std::move(call));
}

}  // namespace guildhall
