/*
 * The interpreter's functions that the agent calls, found by name in the running program: no header of Python takes
 * part, so that one agent serves all versions. What a version lacks is NULL.
 */
#ifndef KEISOKU_AGENT_PYTHON_H
#define KEISOKU_AGENT_PYTHON_H

#include <stddef.h>
#include <stdint.h>

struct object; /* PyObject: only ever pointed to */

/* X(name here, result, arguments, exported name); the order of PYTHON_OTHERS is that of versions. */
#define PYTHON_FUNCTIONS(X)                                                                                            \
    X(is_initialized, int, (void), "Py_IsInitialized")                                                                 \
    X(version, const char *, (void), "Py_GetVersion")                                                                  \
    X(ensure, int, (void), "PyGILState_Ensure")                                                                        \
    X(release, void, (int), "PyGILState_Release")                                                                      \
    X(incref, void, (struct object *), "Py_IncRef")                                                                    \
    X(decref, void, (struct object *), "Py_DecRef")                                                                    \
    X(get_attribute, struct object *, (struct object *, const char *), "PyObject_GetAttrString")                       \
    X(call_method, struct object *, (struct object *, const char *, const char *, ...), "PyObject_CallMethod")         \
    X(sys_object, struct object *, (const char *), "PySys_GetObject")                                                  \
    X(new_function, struct object *, (void *, struct object *, struct object *), "PyCFunction_NewEx")                  \
    X(as_long, long, (struct object *), "PyLong_AsLong")                                                               \
    X(as_longlong, long long, (struct object *, int *), "PyLong_AsLongLongAndOverflow")                                \
    X(as_double, double, (struct object *), "PyFloat_AsDouble")                                                        \
    X(hash, intptr_t, (struct object *), "PyObject_Hash")                                                              \
    X(as_text, const char *, (struct object *, intptr_t *), "PyUnicode_AsUTF8AndSize")                                 \
    X(tuple_size, intptr_t, (struct object *), "PyTuple_Size")                                                         \
    X(tuple_item, struct object *, (struct object *, intptr_t), "PyTuple_GetItem")                                     \
    X(list_size, intptr_t, (struct object *), "PyList_Size")                                                           \
    X(list_item, struct object *, (struct object *, intptr_t), "PyList_GetItem")                                       \
    X(dict_size, intptr_t, (struct object *), "PyDict_Size")                                                           \
    X(dict_next, int, (struct object *, intptr_t *, struct object **, struct object **), "PyDict_Next")                \
    X(cell_get, struct object *, (struct object *), "PyCell_Get")                                                      \
    X(fetch_error, void, (struct object **, struct object **, struct object **), "PyErr_Fetch")                        \
    X(restore_error, void, (struct object *, struct object *, struct object *), "PyErr_Restore")                       \
    X(clear_error, void, (void), "PyErr_Clear")                                                                        \
    X(get_allocator, void, (int, void *), "PyMem_GetAllocator")                                                        \
    X(set_allocator, void, (int, void *), "PyMem_SetAllocator")                                                        \
    X(thread, void *, (void), "PyThreadState_Get")                                                                     \
    X(text_length, intptr_t, (struct object *), "PyUnicode_GetLength")                                                 \
    X(text_at, uint32_t, (struct object *, intptr_t), "PyUnicode_ReadChar")                                            \
    X(own_thread, void *, (void), "PyGILState_GetThisThreadState")                                                     \
    X(line_at, int, (struct object *, int), "PyCode_Addr2Line")                                                        \
    X(interpreter, char *, (void), "PyInterpreterState_Head")                                                          \
    X(add_audit_hook, int, (int (*)(const char *, struct object *, void *), void *), "PySys_AddAuditHook")

/* Those that some versions name otherwise, or lack. */
#define PYTHON_OTHERS(X)                                                                                               \
    X(new_extra, intptr_t, (void (*)(void *)), "PyUnstable_Eval_RequestCodeExtraIndex",                                \
      "_PyEval_RequestCodeExtraIndex")                                                                                 \
    X(get_extra, int, (struct object *, intptr_t, void **), "PyUnstable_Code_GetExtra", "_PyCode_GetExtra")            \
    X(set_extra, int, (struct object *, intptr_t, void *), "PyUnstable_Code_SetExtra", "_PyCode_SetExtra")             \
    X(set_eval, void, (void *, void *), "_PyInterpreterState_SetEvalFrameFunc", NULL)                                  \
    X(get_eval, void *, (void *), "_PyInterpreterState_GetEvalFrameFunc", NULL)                                        \
    X(eval, void *, (void), "_PyEval_EvalFrameDefault", NULL)                                                          \
    X(is_ending, int, (void), "Py_IsFinalizing", "_Py_IsFinalizing")                                                   \
    X(thread_now, void *, (void), "PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet")                         \
    X(interpreter_now, void *, (void), "PyInterpreterState_Get", "_PyInterpreterState_Get")                            \
    X(main_interpreter, void *, (void), "PyInterpreterState_Main", NULL)                                               \
    X(runtime, char *, (void), "_PyRuntime", NULL)

/* Types and objects, whose address counts. */
#define PYTHON_OBJECTS(X)                                                                                              \
    X(none, "_Py_NoneStruct")                                                                                          \
    X(type, "PyType_Type")                                                                                             \
    X(integer, "PyLong_Type")                                                                                          \
    X(boolean, "PyBool_Type")                                                                                          \
    X(number, "PyFloat_Type")                                                                                          \
    X(text, "PyUnicode_Type")                                                                                          \
    X(bytes, "PyBytes_Type")                                                                                           \
    X(tuple, "PyTuple_Type")                                                                                           \
    X(list, "PyList_Type")                                                                                             \
    X(dict, "PyDict_Type")                                                                                             \
    X(module, "PyModule_Type")                                                                                         \
    X(cell, "PyCell_Type")                                                                                             \
    X(code, "PyCode_Type")

/* PyMemAllocatorEx. */
struct allocator {
    void *context;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *);
};

struct python {
#define X(name, result, arguments, exported) result(*name) arguments;
    PYTHON_FUNCTIONS(X)
#undef X
#define X(name, result, arguments, exported, before) result(*name) arguments;
    PYTHON_OTHERS(X)
#undef X
    struct {
#define X(name, exported) struct object *name;
        PYTHON_OBJECTS(X)
#undef X
    } of;
    int minor; /* of Python 3: which layout is its own */
};

extern struct python python;

/* [thread] Looks for all of them. 0, or -1: this is no Python that calls can be counted in. */
int python_find(void);

#endif
