#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guildhall {

/// `piece` again and again, about `bytes` long.
inline std::string repeated(std::string_view piece, std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += piece;
    return out;
}

/// A kind of text that is expensive for some algorithm, of any length.
struct HardText {
    std::string name;
    std::string start;   // once
    std::string piece;   // fills the first half
    std::string second;  // fills the second half

    std::string of(std::size_t bytes) const { return start + repeated(piece, bytes / 2) + repeated(second, bytes / 2); }
};

/// Texts of which each makes one step of reading expensive: ordering marks, composing, trimming, searching for URLs,
/// hashtags and handles.
inline std::vector<HardText> hard_texts() {
    std::vector<HardText> texts{{"two classes of marks", "a", "\u0301", "\u0316"}};
    const auto add = [&](std::string name, std::string piece) {
        texts.push_back({std::move(name), "", piece, std::move(piece)});
    };
    add("letters", "a");
    add("letters of three bytes", "漢");
    add("letters with a mark", "e\u0301");
    add("marks in descending order", "\u0345\u0301\u0316\u0334");
    add("decomposed Hangul", "\u1112\u1161\u11ab");
    add("the longest decomposition", "\uFDFA");
    add("white space", "\u2003");
    add("lines", "\r\n");
    add("invisible characters", "\u200B");
    add("joiners", "\u200C");
    add("words with joiners", "a\u00B7");
    add("hashtag signs", "#");
    add("hashtags", " #tag");
    add("hashtags without a letter", "#1");
    add("mentions", " @ada");
    add("addresses", "@a.b");
    add("handles with hyphens", "@a-");
    add("dots", "a.");
    add("schemes", "a://");
    add("brackets", "a.b/((");
    add("escapes", "\\\"");
    return texts;
}

}  // namespace guildhall
