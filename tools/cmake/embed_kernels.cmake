# Embeds cl/*.cl into the library as byte arrays: kernels.c defines clt_kernel_sources[] (see
# src/runtime/sources.h). Pure CMake, so that a build needs no interpreter.

if(CMAKE_SCRIPT_MODE_FILE)
  # cmake -DOUTPUT=kernels.c -DFILES="a.cl;b.cl" -P embed_kernels.cmake
  set(arrays "")
  set(rows "")
  foreach(file ${FILES})
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name} id)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
    string(APPEND arrays "static const unsigned char ${id}[] = {\n${hex}0x00};\n")
    string(APPEND rows "    {\"${name}\", (const char *)${id}},\n")
  endforeach()
  file(WRITE ${OUTPUT}
       "/* Made from cl/ by tools/cmake/embed_kernels.cmake. */\n#include \"runtime/sources.h\"\n\n"
       "${arrays}\nconst clt_kernel_source clt_kernel_sources[] = {\n${rows}    {0, 0}};\n")
  return()
endif()

function(clt_embed_kernels target directory)
  file(GLOB files CONFIGURE_DEPENDS ${directory}/*.cl)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/kernels.c)
  set(script ${PROJECT_SOURCE_DIR}/tools/cmake/embed_kernels.cmake)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DFILES=${files}" -P ${script}
    DEPENDS ${files} ${script}
    COMMENT "Embedding kernels"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
