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
        return refusal([&] { read_edges(file("edges", text), false); });
    }
    std::string strict_refusal(const std::string& text) {
        return refusal([&] { read_edges(file("edges", text), true); });
    }
    std::string posts_refusal(const std::string& text) {
        return refusal([&] { read_paragraphs(file("posts", text)); });
    }

    const std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("import-input-" + std::to_string(::getpid()));
};

TEST_F(ImportInput, EdgesHaveNoDirectionAndCountOnce) {
    const EdgeList graph = read_edges(file("edges", "# a comment\n7 3\n\n3\t7\r\n% another\n  10   3  \n7 3\n"), false);
    EXPECT_THAT(graph.nodes, ElementsAre(3, 7, 10));
    EXPECT_THAT(graph.edges, ElementsAre(Pair(0, 1), Pair(0, 2)));
    EXPECT_EQ(graph.ignored.repeated, 2U);
}

// [F: files that people have]
TEST_F(ImportInput, EdgeFilesThatPeopleHaveAreRead) {
    struct Example {
        const char* name;
        const char* text;
        std::vector<std::int64_t> nodes;
        std::size_t edges;
        EdgeList::Ignored ignored;
    };
    const Example examples[] = {
        {"SNAP, with self loops", "0 1\n2 2\n1 0\n5 5\n1 2\n", {0, 1, 2, 5}, 2, {1, 2, 0, 0}},
        {"with times", "1 2 1082008561\n3 4 1082155839\n", {1, 2, 3, 4}, 2, {0, 0, 2, 0}},
        {"KONECT", "% asym weighted\n% 3 2 2\n1 2 1 1095541200\n2 1 1 \n", {1, 2}, 1, {1, 0, 2, 0}},
        {"comma-separated", "node_1,node_2\n1,2\n2, 3\n3 ,4\n", {1, 2, 3, 4}, 3, {0, 0, 0, 1}},
        {"quoted heading", "\"id_1\";\"id_2\";\"weight\"\n1;2;0.5\n", {1, 2}, 1, {0, 0, 1, 1}},
        {"byte order mark",
         "\xEF\xBB\xBF"
         "1 2\r\n",
         {1, 2},
         1,
         {}},
        {"byte order mark before a comment", "\xEF\xBB\xBF# who\n1 2\n", {1, 2}, 1, {}},
    };
    for (const Example& example : examples) {
        const EdgeList graph = read_edges(file("edges", example.text), false);
        EXPECT_EQ(graph.nodes, example.nodes) << example.name;
        EXPECT_EQ(graph.edges.size(), example.edges) << example.name;
        EXPECT_EQ(graph.ignored.repeated, example.ignored.repeated) << example.name;
        EXPECT_EQ(graph.ignored.self_loops, example.ignored.self_loops) << example.name;
        EXPECT_EQ(graph.ignored.further_columns, example.ignored.further_columns) << example.name;
        EXPECT_EQ(graph.ignored.headings, example.ignored.headings) << example.name;
    }
}

// [F: files that people have]
TEST_F(ImportInput, StrictReadingRefusesWhatIsOtherwiseIgnored) {
    EXPECT_THAT(strict_refusal("0 1\n5 5\n"), HasSubstr("edges:2: an edge of node 5 with itself"));
    EXPECT_THAT(strict_refusal("0 1\n2 3\n1 0\n"), HasSubstr("edges:3: repeats the edge of an earlier line"));
    EXPECT_THAT(strict_refusal("% a\n0 1 7\n"), HasSubstr("edges:2: more than two columns"));
    EXPECT_THAT(strict_refusal("a,b\n0,1\n"), HasSubstr("edges:1: expected two numbers"));
    EXPECT_EQ(strict_refusal("% a\n0,1\n1 2\n"), "");
}

// [F: byte order mark]
TEST_F(ImportInput, AByteOrderMarkIsNoText) {
    const std::string mark = "\xEF\xBB\xBF";
    EXPECT_THAT(read_paragraphs(file("posts", mark + "one\ntwo\n")), ElementsAre("one", "two"));
    EXPECT_THAT(read_names(file("names", mark + "# none\nAda\n")), ElementsAre("Ada"));
    EXPECT_THAT(read_names(file("names", mark + "Ada\n")), ElementsAre("Ada"));
    EXPECT_THAT(read_occupations(file("jobs", mark + "Code\tTitle\n1\tEconomists\tThey\n")), ElementsAre("Economists"));
}

TEST_F(ImportInput, AnEdgeThatCannotBeReadIsNamedByItsLine) {
    for (const std::string bad :
         {"1", "a b", "1 -2", "1 2x", "1,,2", ",1 2", "1:2", "1.5 2", "1 1234567890123456789", "0x1 2", "+1 2"})
        EXPECT_THAT(edges_refusal("0 1\n# fine\n" + bad + "\n"), HasSubstr("edges:3: expected two numbers")) << bad;
    EXPECT_THAT(edges_refusal("a b\nc d\n1 2\n"), HasSubstr("edges:2: expected two numbers"));
    EXPECT_THAT(edges_refusal("0 1\n" + std::string(5000, '1') + "\n"),
                HasSubstr("edges:2: the line has more than 4096 bytes"));
    EXPECT_THAT(edges_refusal(std::string("0 1\n1 2\0\n", 9)), HasSubstr("edges:2:"));
}

TEST_F(ImportInput, AFileWithoutRecordsIsRefused) {
    EXPECT_THAT(edges_refusal(""), EndsWith("edges: holds no edge"));
    EXPECT_THAT(edges_refusal("# only a comment\n"), EndsWith("edges: holds no edge"));
    EXPECT_THAT(posts_refusal("\n \n"), EndsWith("posts: holds no paragraph"));
    EXPECT_THAT(refusal([&] { read_names(file("names", "# none\n")); }), EndsWith("names: holds no name"));
    EXPECT_THAT(refusal([&] { read_edges(folder_ / "absent", false); }), EndsWith("absent: cannot be read"));
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
