#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/base/result.hpp"

namespace guildhall::json {

/// The place of a value in the document that is being read: a chain on the stack, from which a JSON pointer (RFC 6901)
/// is made only when a fault is found.
struct Place {
    const Place* parent = nullptr;
    std::string_view key = {};
    std::size_t index = 0;
    bool is_index = false;

    /// The child under a member name.
    Place member(std::string_view name) const { return {this, name, 0, false}; }
    /// The item at a position of a list.
    Place item(std::size_t at) const { return {this, {}, at, true}; }
    /// The JSON pointer of the place.
    std::string pointer() const;
};

/// Collects the faults of one document, at most 32.
class Faults {
public:
    void add(const Place& place, std::string_view code, std::string detail);
    bool empty() const { return faults_.empty(); }
    std::vector<Fault> take() { return std::move(faults_); }

private:
    std::vector<Fault> faults_;
};

}  // namespace guildhall::json
