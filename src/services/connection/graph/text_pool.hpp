#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace guildhall::connection {

/// Texts that many members share, each held once and known by a number as long as somebody has it. 0 is the empty text.
class TextPool {
public:
    /// The number of `text`, which has one more owner now.
    std::uint32_t add(std::string_view text);
    /// One owner of it less.
    void remove(std::uint32_t number);
    /// Valid as long as it has owners.
    std::string_view text(std::uint32_t number) const {
        return number == 0 ? std::string_view() : std::string_view(*entries_[number].text);
    }

private:
    struct Entry {
        const std::string* text = nullptr;  // the key in numbers_
        std::uint32_t owners = 0;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };

    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
    std::vector<Entry> entries_{1};  // the first is never used: its number is the empty text's
    std::vector<std::uint32_t> free_;
};

}  // namespace guildhall::connection
