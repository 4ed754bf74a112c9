# Writes a C file with the build's name and the files that the program carries.
#   cmake -DOUT=... -DMANIFEST=... -DOPENAPI=... -DMAJOR=... -DMINOR=... -P embed.cmake

function(append_file function_name path)
    file(READ ${path} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
    file(APPEND ${OUT} "
struct ops_view ${function_name}(void)
{
    static const char bytes[] = {
${bytes}
    };
    return ops_view(bytes, sizeof bytes);
}
")
endfunction()

# SOURCE_DATE_EPOCH (reproducible-builds.org) is honoured by TIMESTAMP.
string(TIMESTAMP epoch "%s" UTC)
string(TIMESTAMP weekday "%a" UTC)
file(WRITE ${OUT} "#include \"main/embedded.h\"

const struct ops_build *ops_embedded_build(void)
{
    static const struct ops_build build = {${MAJOR}, ${MINOR}, \"${weekday}-${epoch}\"};
    return &build;
}
")
append_file(ops_embedded_manifest ${MANIFEST})
append_file(ops_embedded_openapi ${OPENAPI})
