#pragma once

#include <cstddef>

namespace guildhall::http {

/// Stands where an object of type S would, so that routes can be bound, and thereby described, in a process that does not run their service.
/// Nothing of the object may be used: it does not exist.
template <class S>
class StandIn {
public:
    S& get() { return *reinterpret_cast<S*>(place_); }

private:
    alignas(S) std::byte place_[sizeof(S)];
};

}  // namespace guildhall::http
