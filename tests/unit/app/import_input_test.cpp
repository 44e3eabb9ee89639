#include "app/import/import_input.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace guildhall::app {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Pair;

/// A folder that goes with the test.
class ImportInput : public ::testing::Test {
protected:
    ImportInput() { std::filesystem::create_directories(folder_); }
    ~ImportInput() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path file(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name, std::ios::binary) << text;
        return folder_ / name;
    }

    /// What reading says; empty when it says nothing.
    template <class Read>
    std::string refusal(Read read) {
        try {
            read();
        } catch (const BadInput& bad) {
            return bad.what();
        }
        return "";
    }
    std::string edges_refusal(const std::string& text) {
        return refusal([&] { read_edges(file("edges", text)); });
    }
    std::string posts_refusal(const std::string& text) {
        return refusal([&] { read_paragraphs(file("posts", text)); });
    }

    const std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("import-input-" + std::to_string(::getpid()));
};

TEST_F(ImportInput, EdgesHaveNoDirectionAndCountOnce) {
    const EdgeList graph = read_edges(file("edges", "# a comment\n7 3\n\n3\t7\r\n% another\n  10   3  \n7 3\n"));
    EXPECT_THAT(graph.nodes, ElementsAre(3, 7, 10));
    EXPECT_THAT(graph.edges, ElementsAre(Pair(0, 1), Pair(0, 2)));
    EXPECT_EQ(graph.repeated, 2U);
}

TEST_F(ImportInput, AnEdgeThatCannotBeReadIsNamedByItsLine) {
    for (const std::string bad :
         {"1", "1 2 3", "a b", "1 -2", "1 2x", "1,2", "1.5 2", "1 1234567890123456789", "0x1 2", "+1 2"})
        EXPECT_THAT(edges_refusal("0 1\n# fine\n" + bad + "\n"), HasSubstr("edges:3: expected two numbers")) << bad;
    EXPECT_THAT(edges_refusal("0 1\n5 5\n"), HasSubstr("edges:2: an edge of node 5 with itself"));
    EXPECT_THAT(edges_refusal("0 1\n" + std::string(300, '1') + "\n"),
                HasSubstr("edges:2: the line has more than 256 bytes"));
    EXPECT_THAT(edges_refusal(std::string("0 1\n1 2\0\n", 9)), HasSubstr("edges:2:"));
}

TEST_F(ImportInput, AFileWithoutRecordsIsRefused) {
    EXPECT_THAT(edges_refusal(""), EndsWith("edges: holds no edge"));
    EXPECT_THAT(edges_refusal("# only a comment\n"), EndsWith("edges: holds no edge"));
    EXPECT_THAT(posts_refusal("\n \n"), EndsWith("posts: holds no paragraph"));
    EXPECT_THAT(refusal([&] { read_names(file("names", "# none\n")); }), EndsWith("names: holds no name"));
    EXPECT_THAT(refusal([&] { read_edges(folder_ / "absent"); }), EndsWith("absent: cannot be read"));
}

TEST_F(ImportInput, ParagraphsAreTrimmedAndInNormalForm) {
    EXPECT_THAT(read_paragraphs(file("posts", "  one \r\n\nCafe\xCC\x81\n")), ElementsAre("one", "Caf\xC3\xA9"));
}

TEST_F(ImportInput, OfATableTheParagraphIsBehindTheFirstTab) {
    EXPECT_THAT(read_paragraphs(file("posts.tsv", "en\tHello\tthere\nde\tHallo\n")),
                ElementsAre("Hello\tthere", "Hallo"));
    EXPECT_THAT(refusal([&] { read_paragraphs(file("posts.tsv", "en\tHello\nde Hallo\n")); }),
                HasSubstr("posts.tsv:2: has no tab"));
}

TEST_F(ImportInput, AParagraphThatNoMemberCouldPostIsNamedByItsLine) {
    EXPECT_THAT(posts_refusal("fine\n\xC3\x28\n"), HasSubstr("posts:2: the text must be valid UTF-8"));
    EXPECT_THAT(posts_refusal("fine\n\x01\n"), HasSubstr("posts:2: the text must not contain control characters"));
    EXPECT_THAT(posts_refusal(std::string("fine\na\0b\n", 9)),
                HasSubstr("posts:2: the text must not contain control characters"));
    EXPECT_THAT(posts_refusal("fine\n" + std::string(3001, 'x') + "\n"),
                HasSubstr("posts:2: the text at most 3000 characters"));
    EXPECT_EQ(posts_refusal(std::string(3000, 'x')), "");
    EXPECT_THAT(posts_refusal("fine\n" + std::string(70'000, 'x') + "\n"),
                HasSubstr("posts:2: the line has more than 65536 bytes"));
}

TEST_F(ImportInput, NamesOfAFolderAreTheFemaleThenTheMale) {
    file("names-female.txt", "# F\nAda\n\n");
    file("names-male.txt", "Bo\n");
    EXPECT_THAT(read_names(folder_), ElementsAre("Ada", "Bo"));
}

TEST_F(ImportInput, TitlesLoseTheirQuotationMarks) {
    EXPECT_THAT(read_occupations(
                    file("jobs", "Code\tTitle\tDescription\n1\tEconomists\tThey\n2\t\"Managers, Branch\"\tThey\n")),
                ElementsAre("Economists", "Managers, Branch"));
    EXPECT_THAT(refusal([&] { read_occupations(file("jobs", "Code\tTitle\nno tab\n")); }),
                HasSubstr("jobs:2: has no title"));
}

}  // namespace
}  // namespace guildhall::app
