#pragma once

#include <boost/asio/awaitable.hpp>

namespace guildhall {

/// A coroutine on an io_context. Only Task<void> is spawned (Boost 1.81 needs a default-constructible result
/// otherwise).
template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace guildhall
