#include "services/connection/graph/text_pool.hpp"

namespace guildhall::connection {

std::uint32_t TextPool::add(std::string_view text) {
    if (text.empty()) return 0;
    auto at = numbers_.find(text);
    if (at == numbers_.end()) {
        std::uint32_t number = 0;
        if (free_.empty()) {
            number = static_cast<std::uint32_t>(entries_.size());
            entries_.emplace_back();
        } else {
            number = free_.back();
            free_.pop_back();
        }
        at = numbers_.emplace(text, number).first;
        entries_[number].text = &at->first;
    }
    ++entries_[at->second].owners;
    return at->second;
}

void TextPool::remove(std::uint32_t number) {
    if (number == 0 || --entries_[number].owners > 0) return;
    numbers_.erase(numbers_.find(*entries_[number].text));
    entries_[number] = {};
    free_.push_back(number);
}

}  // namespace guildhall::connection
