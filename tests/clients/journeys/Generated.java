package javax.annotation;

/** What generated classes are marked with; the JDK has it no more. */
public @interface Generated {
    String[] value();

    String comments() default "";

    String date() default "";
}
