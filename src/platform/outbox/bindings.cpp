#include "platform/outbox/bindings.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace guildhall::outbox {

Bindings::Binding& Bindings::add(std::string consumer, std::string type) {
    for (const Binding& binding : bindings_)
        if (binding.consumer == consumer && binding.type == type)
            throw std::logic_error("consumer " + consumer + " binds " + type + " twice");
    return bindings_.emplace_back(Binding{.consumer = std::move(consumer), .type = std::move(type)});
}

std::vector<bus::Wanted> Bindings::wanted() const {
    std::vector<bus::Wanted> all;
    for (const Binding& binding : bindings_) {
        auto found = std::ranges::find(all, binding.consumer, &bus::Wanted::consumer);
        if (found == all.end()) found = all.insert(found, {binding.consumer, {}});
        found->types.push_back(binding.type);
    }
    return all;
}

}  // namespace guildhall::outbox
